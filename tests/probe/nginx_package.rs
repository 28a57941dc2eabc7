//! Where nginx is: installed, or unpacked from Debian's package without installing it, since the
//! installed one would start a service. Fails loudly where there is neither.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The program.
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        find().unwrap_or_else(|| {
            unpack().unwrap_or_else(|why| {
                panic!(
                    "these tests need nginx, and there is none: {why} (Debian: apt-get install nginx)"
                )
            })
        })
    });
    &PROGRAM
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian has it is not on everybody's path.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), unpacked()]);
    folders.map(|it| it.join("nginx")).find(|it| works(it))
}

fn works(program: &Path) -> bool {
    let mut version = Command::new(program);
    version.arg("-v").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|it| it.success())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("nginx")
}

fn unpacked() -> PathBuf {
    folder().join("usr/sbin")
}

/// Downloads the package that apt would install, and unpacks it below the build's folder.
fn unpack() -> Result<PathBuf, String> {
    let folder = folder();
    std::fs::create_dir_all(&folder).map_err(|it| it.to_string())?;
    if command(&folder, "apt-get", &["download", "-qq", "nginx"]).is_err() {
        // The lists may be too old for what the mirror has; only root can renew them.
        let _ = command(&folder, "apt-get", &["update", "-qq"]);
        command(&folder, "apt-get", &["download", "-qq", "nginx"])?;
    }
    let files = std::fs::read_dir(&folder).map_err(|it| it.to_string())?;
    let mut packages = files.filter_map(|it| Some(it.ok()?.path()));
    let package = packages
        .find(|it| it.extension().is_some_and(|it| it == "deb"))
        .ok_or("apt-get downloaded no package")?;
    let package = package.to_string_lossy().into_owned();
    command(&folder, "dpkg-deb", &["--extract", &package, "."])?;
    let program = unpacked().join("nginx");
    match works(&program) {
        true => Ok(program),
        false => Err(format!("{} does not run", program.display())),
    }
}

fn command(folder: &Path, name: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(name).args(words).current_dir(folder).output();
    let output = output.map_err(|it| format!("{name}: {it}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
