//! From a path to an open file below a folder. Everything here may block: see `disk`.
//!
//! The kernel itself keeps to the folder (`openat2` with `RESOLVE_BENEATH`): a link that leads out of
//! it is not followed, whoever puts it there and whenever. The folder is opened anew for each request,
//! so a deployment that moves a link is seen at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use super::compress::WORTH_IT;
use super::encoding::Coding;
use super::kind::Kind;

/// A file of at most this many bytes is read as it is found.
pub const SMALL: u64 = 64 * 1024;

/// What is looked for.
#[derive(Debug)]
pub struct Quest {
    /// The folder.
    pub root: Arc<Path>,
    /// A normalised path below it.
    pub path: String,
    /// What is looked for in a folder.
    pub index: Arc<[String]>,
    /// What stands in for a file that isn't there.
    pub fallback: Option<Arc<str>>,
    /// Compressed neighbours that would do, the best first.
    pub codings: Vec<Coding>,
    /// Whether a small file is to be read at once.
    pub eager: bool,
}

/// What is there.
#[derive(Debug)]
pub enum Found {
    /// A folder, asked for without the slash at its end.
    Folder,
    /// A file.
    File(Opened),
}

/// An open file.
#[derive(Debug)]
pub struct Opened {
    /// The path below the root that was asked for, or what stood in for it.
    pub path: String,
    /// The file, or its compressed neighbour.
    pub file: Arc<File>,
    /// What the neighbour is compressed with.
    pub coding: Option<Coding>,
    /// In bytes.
    pub size: u64,
    /// When it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// All of it.
    pub content: Option<Bytes>,
}

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// Nothing has this path.
    #[error("no such file")]
    NoFile,
    /// The path leads out of the folder, through a link.
    #[error("a link leads out of the folder")]
    Outside,
    /// A fifo, a socket or a device.
    #[error("this is no ordinary file")]
    Special,
    /// A folder without an index.
    #[error("a folder without an index")]
    NoIndex,
    /// wsgate's user may not read it.
    #[error("wsgate may not read it")]
    Unreadable,
    /// The system cannot say.
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// Looks for a file.
///
/// # Errors
/// [`Absent`], which says why.
pub fn find(quest: &Quest) -> Result<Found, Absent> {
    let root = Root::open(&quest.root)?;
    let found = match (root.search(quest), &quest.fallback) {
        (Err(Absent::NoFile), Some(fallback)) => {
            let Node::File(file, size, mtime) = root.look(fallback)? else {
                return Err(Absent::NoFile);
            };
            Ok(Some((fallback.to_string(), file, size, mtime)))
        }
        (found, _) => found,
    };
    let Some((path, file, size, mtime)) = found? else { return Ok(Found::Folder) };
    let mut opened = Opened { path, file, coding: None, size, mtime, content: None };
    let is_text = Kind::of(&opened.path).is_text;
    if is_text {
        opened = root.compressed(opened, &quest.codings);
    }
    let on_the_way = is_text && is_compressed_on_the_way(&opened, &quest.codings);
    if quest.eager && opened.size <= SMALL && !on_the_way {
        opened.content = Some(read(&opened.file, 0, opened.size)?);
    }
    Ok(Found::File(opened))
}

/// Whether a text is sent compressed by us, not by whoever put it there.
pub fn is_compressed_on_the_way(opened: &Opened, codings: &[Coding]) -> bool {
    opened.coding.is_none() && opened.size >= WORTH_IT && !codings.is_empty()
}

/// Reads `length` bytes from `at`.
///
/// # Errors
/// As the system says; `UnexpectedEof` when the file has become shorter.
pub fn read(file: &File, at: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.into())
}

/// Whether files can be served from `folder` at all.
///
/// # Errors
/// [`Absent`], which says why not.
pub fn look_at(folder: &Path) -> Result<(), Absent> {
    match Root::open(folder)?.look("/")? {
        Node::Folder => Ok(()),
        Node::File(..) => Err(Absent::NoFile),
    }
}

struct Root(OwnedFd);

enum Node {
    Folder,
    File(Arc<File>, u64, i64),
}

type Candidate = (String, Arc<File>, u64, i64);

impl Root {
    fn open(folder: &Path) -> Result<Self, Absent> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, folder, flags, Mode::empty()).map(Self).map_err(reason)
    }

    /// The file of the path, or the index of the folder; `None` for a folder without a slash.
    fn search(&self, quest: &Quest) -> Result<Option<Candidate>, Absent> {
        match self.look(&quest.path)? {
            Node::File(file, size, mtime) => Ok(Some((quest.path.clone(), file, size, mtime))),
            Node::Folder if !quest.path.ends_with('/') => Ok(None),
            Node::Folder => self.index(quest).map(Some),
        }
    }

    fn index(&self, quest: &Quest) -> Result<Candidate, Absent> {
        for name in quest.index.iter() {
            let path = format!("{}{name}", quest.path);
            match self.look(&path) {
                Ok(Node::File(file, size, mtime)) => return Ok((path, file, size, mtime)),
                Ok(Node::Folder) | Err(Absent::NoFile) => {}
                Err(reason) => return Err(reason),
            }
        }
        Err(Absent::NoIndex)
    }

    /// The best neighbour that was compressed beforehand, or the file itself.
    fn compressed(&self, plain: Opened, codings: &[Coding]) -> Opened {
        for coding in codings {
            let neighbour = self.look(&format!("{}{}", plain.path, coding.suffix()));
            if let Ok(Node::File(file, size, mtime)) = neighbour {
                return Opened { file, coding: Some(*coding), size, mtime, ..plain };
            }
        }
        plain
    }

    fn look(&self, path: &str) -> Result<Node, Absent> {
        let below = path.trim_start_matches('/');
        let below = if below.is_empty() { "." } else { below };
        // A fifo without a writer would never open.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let stay = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened = openat2(&self.0, below, flags, Mode::empty(), stay).map_err(reason)?;
        let stat = fstat(&opened).map_err(reason)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Node::Folder),
            FileType::RegularFile => {
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                Ok(Node::File(Arc::new(File::from(opened)), size, stat.st_mtime))
            }
            _ => Err(Absent::Special),
        }
    }
}

fn reason(errno: Errno) -> Absent {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Absent::NoFile,
        Errno::XDEV | Errno::LOOP => Absent::Outside,
        Errno::NXIO | Errno::NODEV => Absent::Special,
        Errno::ACCESS | Errno::PERM => Absent::Unreadable,
        Errno::NOSYS => Absent::Failed(io::Error::other("this kernel has no openat2")),
        other => Absent::Failed(other.into()),
    }
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
