//! What is kept on disk: written whole or not at all, readable by its owner only. Knows no ACME.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::fs::{DirBuilder, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

/// How often a lock is tried that another process has.
const LOOKS: Duration = Duration::from_secs(1);

/// The same where the folder cannot even be made.
const MAKES: Duration = Duration::from_secs(60);

/// Waits until no other process orders certificates into this folder. Held until it is dropped, however the process
/// ends.
pub(super) async fn lock(folder: &Path) -> File {
    let mut told = false;
    loop {
        let pause = match try_lock(folder).await {
            Ok(Some(lock)) => return lock,
            Ok(None) => {
                if !told {
                    let path = folder.display();
                    tracing::info!(%path, "another process orders certificates there, this one waits for it to end");
                }
                LOOKS
            }
            Err(error) => {
                let path = folder.display();
                tracing::error!(%path, %error, "no certificate can be ordered: acme.storage is no use");
                MAKES
            }
        };
        told = true;
        sleep(pause).await;
    }
}

/// Makes a folder and those above it that are missing.
pub(super) async fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).await
}

/// Writes a file that nobody ever sees half written: beside it first, then in its place.
pub(super) async fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder).await?;
    let beside = folder.join(format!(".{:016x}.new", rand::random::<u64>()));
    let written = async {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&beside).await?;
        file.write_all(content).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, path).await?;
        // The name, too, has to outlive a loss of power.
        tokio::fs::File::open(folder).await?.sync_all().await
    };
    let written = written.await;
    if written.is_err() {
        // It may never have been there.
        let _ = tokio::fs::remove_file(&beside).await;
    }
    written
}

async fn try_lock(folder: &Path) -> io::Result<Option<File>> {
    make_folder(folder).await?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(folder.join("lock")).await?.into_std().await;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_its_owners_only_and_leaves_nothing_beside_it() {
        let folder = std::env::temp_dir().join(format!("wsgate-store-{}", rand::random::<u64>()));
        let path = folder.join("below").join("a.pem");
        for content in ["one", "another"] {
            write(&path, content.as_bytes()).await.expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("readable"), content);
        }
        let mode = |it: &Path| std::fs::metadata(it).expect("there").permissions().mode() & 0o777;
        assert_eq!(
            (mode(&path), mode(&folder.join("below")), mode(&folder)),
            (0o600, 0o700, 0o700)
        );
        assert_eq!(std::fs::read_dir(folder.join("below")).expect("readable").count(), 1);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn a_folder_is_locked_by_one_at_a_time() {
        let folder = std::env::temp_dir().join(format!("wsgate-lock-{}", rand::random::<u64>()));
        let held = try_lock(&folder).await.expect("a folder").expect("free");
        assert!(try_lock(&folder).await.expect("a folder").is_none());
        drop(held);
        assert!(try_lock(&folder).await.expect("a folder").is_some());
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
