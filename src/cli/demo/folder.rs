//! Where the demo's files go: a fresh folder that is removed afterwards, or one that the user
//! named, in which nothing foreign is overwritten.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// First line of the demo's `gateway.toml`; a folder with another `gateway.toml` is not touched.
pub const MARK: &str = "# Written by `wsgate demo`, which overwrites it.";

const CONFIG: &str = "gateway.toml";

/// A folder for the demo's files.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    kept: bool,
}

/// What keeps the demo from writing its files.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// An error of the file system.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The folder holds a `gateway.toml` that the demo did not write.
    #[error("{}: not written by the demo; name another folder", .0.display())]
    Foreign(PathBuf),
}

impl Folder {
    /// A new folder under the system's one for temporary files, open to its owner only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn fresh() -> Result<Self, FolderError> {
        let name = format!("wsgate-demo-{:016x}", rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        // Not recursive: a folder that exists already is an error, never taken over.
        DirBuilder::new().mode(0o700).create(&path).map_err(at(&path))?;
        Ok(Self { path, kept: false })
    }

    /// The folder at `path`, made when missing.
    ///
    /// # Errors
    /// When it cannot be made, or holds a `gateway.toml` that is not the demo's.
    pub fn named(path: &Path) -> Result<Self, FolderError> {
        DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(at(path))?;
        let config = path.join(CONFIG);
        match fs::read_to_string(&config) {
            Ok(text) if !text.starts_with(MARK) => return Err(FolderError::Foreign(config)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(&config)(error));
            }
            _ => {}
        }
        Ok(Self { path: path.to_owned(), kept: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the files outlive the demo.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Where the configuration is, or will be.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// Writes the configuration. To be written first: it marks the folder as the demo's.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_config(&self, text: &str) -> Result<(), FolderError> {
        self.write(CONFIG, text)
    }

    /// Writes a file that anyone may read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        self.write_with_mode(name, text, 0o644)
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_secret(&self, name: &str, text: &str) -> Result<(), FolderError> {
        self.write_with_mode(name, text, 0o600)
    }

    fn write_with_mode(&self, name: &str, text: &str, mode: u32) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| {
                // The mode above counts only for a new file; this one may be of an earlier run.
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                file.write_all(text.as_bytes())
            });
        written.map_err(at(&path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the demo's folder is left behind");
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    move |cause| FolderError::Io { path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_folder_is_removed_with_all_that_is_in_it() {
        let folder = Folder::fresh().expect("a folder");
        folder.write("ca.crt", "x").expect("written");
        let path = folder.path().to_owned();
        assert!(path.join("ca.crt").exists());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_named_folder_is_kept_and_may_be_used_again() {
        let outer = Folder::fresh().expect("a folder");
        let path = outer.path().join("deep/er");
        for text in ["one", "two"] {
            let folder = Folder::named(&path).expect("taken");
            folder.write_config(&format!("{MARK}\n{text}")).expect("written");
            folder.write_secret("localhost.key", text).expect("written");
        }
        let config = fs::read_to_string(path.join(CONFIG)).expect("kept");
        assert!(config.ends_with("two"));
    }

    #[test]
    fn a_key_of_an_earlier_run_loses_its_loose_permissions() {
        let folder = Folder::fresh().expect("a folder");
        folder.write("localhost.key", "old and longer").expect("written");
        folder.write_secret("localhost.key", "new").expect("written");
        let key = folder.path().join("localhost.key");
        assert_eq!(fs::read_to_string(&key).expect("kept"), "new");
        assert_eq!(fs::metadata(&key).expect("kept").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn somebody_elses_gateway_toml_is_not_overwritten() {
        let outer = Folder::fresh().expect("a folder");
        outer.write_config("[[listeners]]\n").expect("written");
        let refused = Folder::named(outer.path()).expect_err("it is not ours");
        assert!(matches!(refused, FolderError::Foreign(_)));
        assert!(refused.to_string().contains("gateway.toml: not written by the demo"));
    }
}
