//! `${NAME}` in strings. Knows the environment only as a function.

use crate::config::values::Wrong;

/// Replaces every `${NAME}` by the variable of that name, in one pass: what a variable holds is
/// not looked at again. The names in `kept` stay as written.
///
/// # Errors
/// The piece of text that is wrong, and why.
pub fn expand(
    text: &str,
    kept: &[&str],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, (String, Wrong)> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest.find('}') else {
            return Err((rest.to_owned(), Wrong::new("`${` without its `}`")));
        };
        let (whole, name) = (&rest[..=end], &rest[2..end]);
        if kept.contains(&name) {
            expanded.push_str(whole);
        } else {
            let value = variable(name, kept, env).map_err(|wrong| (whole.to_owned(), wrong))?;
            expanded.push_str(&value);
        }
        rest = &rest[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn variable(
    name: &str,
    kept: &[&str],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Wrong> {
    let letters = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.is_empty() || !name.chars().all(letters) {
        return Err(Wrong::new(format!("`${{{name}}}` is not the name of a variable")));
    }
    if let Some(value) = env(name) {
        return Ok(value);
    }
    let wrong = Wrong::new(format!("the environment variable `{name}` is not set"));
    match super::closest(name, kept.iter().copied()) {
        Some(meant) => Err(wrong.hint(format!("did you mean `${{{meant}}}`?"))),
        None => Err(wrong.hint("set it, e.g. with `Environment=` in the systemd unit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        (name == "HOME_DIR").then(|| "/srv/${HOME_DIR}".to_owned())
    }

    #[test]
    fn variables_are_replaced_once_and_kept_names_stay() {
        let text = expand("a ${HOME_DIR} b ${host} $c", &["host"], &env);
        assert_eq!(text.as_deref(), Ok("a /srv/${HOME_DIR} b ${host} $c"));
    }

    #[test]
    fn a_missing_variable_is_named_with_its_piece_of_the_text() {
        let (piece, wrong) = expand("x/${NONE}/y", &[], &env).expect_err("it is not set");
        assert_eq!(piece, "${NONE}");
        assert_eq!(wrong.message, "the environment variable `NONE` is not set");
    }

    #[test]
    fn an_unknown_runtime_name_is_answered_with_the_one_that_was_meant() {
        let (_, wrong) = expand("${clientip}", &["client_ip"], &env).expect_err("no such name");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `${client_ip}`?"));
    }

    #[test]
    fn half_a_variable_is_wrong() {
        assert!(expand("${HOME_DIR", &[], &env).is_err());
        assert!(expand("${}", &[], &env).is_err());
        assert!(expand("${a b}", &[], &env).is_err());
    }
}
