//! The output of `nginx -T`, taken apart into the files that it shows. Knows its markers and nothing
//! of what stands between them.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `nginx -T` writes before each file, up to its path and a colon.
const MARKER: &str = "# configuration file ";

/// The files in the output of `nginx -T`, and which is the main one; `None` when it is not that.
pub fn files(text: &str) -> Option<(PathBuf, BTreeMap<PathBuf, String>)> {
    let mut main = None;
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut current: Option<PathBuf> = None;
    for line in text.split_inclusive('\n') {
        let header = line.trim_end().strip_prefix(MARKER).and_then(|it| it.strip_suffix(':'));
        // No path that a file can be named by in a gateway.toml.
        let nameable = |it: &&str| !it.contains(char::is_control) && !it.contains("${");
        if let Some(path) = header.filter(nameable) {
            main.get_or_insert_with(|| PathBuf::from(path));
            current = Some(PathBuf::from(path));
            files.entry(PathBuf::from(path)).or_default();
        } else if let Some(file) = current.as_ref().and_then(|it| files.get_mut(it)) {
            file.push_str(line);
        }
    }
    Some((main?, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_nginx_is_taken_apart_at_its_markers() {
        let text = "nginx: the configuration file is ok\n# configuration file /n/nginx.conf:\na;\n\
                    # configuration file /n/conf.d/b.conf:\nb;\n";
        let (main, files) = files(text).expect("a dump");
        assert_eq!(main, PathBuf::from("/n/nginx.conf"));
        let texts: Vec<_> = files.values().map(String::as_str).collect();
        assert_eq!(texts, ["b;\n", "a;\n"]);
        assert!(super::files("a;\n# configuration of something\n").is_none());
    }
}
