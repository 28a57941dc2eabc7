//! What is found below a folder, and what is not. On a real file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::*;

struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("wsgate-files-{:016x}", rand::random::<u64>());
        let place = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(place.root().join("sub/deep")).expect("a folder");
        place.write("index.html", "home");
        place.write("a.css", "style");
        place.write("sub/page.html", "page");
        fs::write(place.0.join("outside.txt"), "secret").expect("a file");
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root().join(name), text).expect("a file");
    }

    fn quest(&self, path: &str) -> Quest {
        Quest {
            root: self.root().into(),
            path: path.to_owned(),
            index: ["index.html".to_owned()].into(),
            fallback: None,
            codings: Vec::new(),
            eager: true,
        }
    }

    /// The content of what is found, or why nothing is.
    fn at(&self, path: &str) -> Result<String, String> {
        told(find(&self.quest(path)))
    }
}

fn told(found: Result<Found, Absent>) -> Result<String, String> {
    match found.map_err(|it| it.to_string())? {
        Found::Folder => Ok("a folder".to_owned()),
        Found::File(it) => {
            Ok(String::from_utf8_lossy(&it.content.expect("it is small")).into_owned())
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn no(reason: &Absent) -> Result<String, String> {
    Err(reason.to_string())
}

#[test]
fn a_path_means_a_file_or_the_index_of_a_folder() {
    let place = Place::new();
    assert_eq!(place.at("/a.css"), is("style"));
    assert_eq!(place.at("/"), is("home"));
    assert_eq!(place.at("/sub"), is("a folder"));
    assert_eq!(place.at("/sub/"), no(&Absent::NoIndex));
    for path in ["/b.css", "/a.css/", "/a.css/b", "/index.html/", "/sub/page"] {
        assert_eq!(place.at(path), no(&Absent::NoFile), "{path}");
    }
    let long = format!("/{}", "n".repeat(5000));
    assert_eq!(place.at(&long), no(&Absent::NoFile));
}

#[test]
fn links_are_followed_as_far_as_the_folder_reaches() {
    let place = Place::new();
    let link = |to: &str, name: &str| symlink(to, place.root().join(name)).expect("a link");
    link("a.css", "inside.css");
    link("sub", "folder");
    link("../sub/page.html", "sub/deep/up.html");
    assert_eq!(place.at("/inside.css"), is("style"));
    assert_eq!(place.at("/folder/page.html"), is("page"));
    // `sub/deep/../sub` isn't there; one level more and it would leave.
    assert_eq!(place.at("/sub/deep/up.html"), no(&Absent::NoFile));
    link("../outside.txt", "out.txt");
    link("..", "parent");
    link("/etc/passwd", "absolute.txt");
    link("/proc/self/root/etc/passwd", "magic.txt");
    link("sub/../../outside.txt", "winding.txt");
    for path in ["/out.txt", "/parent/outside.txt", "/absolute.txt", "/magic.txt", "/winding.txt"] {
        assert_eq!(place.at(path), no(&Absent::Outside), "{path}");
    }
    link("loop", "loop");
    assert_eq!(place.at("/loop"), no(&Absent::Outside));
    link("nowhere", "dangling");
    assert_eq!(place.at("/dangling"), no(&Absent::NoFile));
}

#[test]
fn the_path_itself_cannot_climb_out() {
    let place = Place::new();
    for path in ["/../outside.txt", "/sub/../../outside.txt", "//etc/passwd", "/..", "/sub/../../"]
    {
        assert!(place.at(path).is_err(), "{path}");
    }
}

#[test]
fn what_is_no_ordinary_file_is_not_opened_for_long() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.root().join("fifo")).status();
    assert!(made.expect("mkfifo is there").success());
    let _socket = UnixListener::bind(place.root().join("socket")).expect("a socket");
    // A fifo without a writer would hold whoever opens it without further ado.
    assert_eq!(place.at("/fifo"), no(&Absent::Special));
    assert_eq!(place.at("/socket"), no(&Absent::Special));
}

#[test]
fn a_fallback_stands_in_for_what_is_not_there_and_for_nothing_else() {
    let place = Place::new();
    symlink("../outside.txt", place.root().join("out.txt")).expect("a link");
    let with = |path, fallback: &str| {
        told(find(&Quest { fallback: Some(fallback.into()), ..place.quest(path) }))
    };
    assert_eq!(with("/app/route", "/index.html"), is("home"));
    assert_eq!(with("/a.css", "/index.html"), is("style"));
    assert_eq!(with("/sub/", "/index.html"), no(&Absent::NoIndex));
    assert_eq!(with("/out.txt", "/index.html"), no(&Absent::Outside));
    assert_eq!(with("/nothing", "/neither.html"), no(&Absent::NoFile));
    assert_eq!(with("/nothing", "/sub"), no(&Absent::NoFile));
}

#[test]
fn a_compressed_neighbour_is_taken_for_text_by_whoever_takes_it() {
    let place = Place::new();
    place.write("a.css.gz", "gz");
    place.write("a.css.br", "br");
    place.write("photo.jpg", "jpg");
    place.write("photo.jpg.gz", "gz");
    let with = |path: &str, codings: &[Coding]| {
        told(find(&Quest { codings: codings.to_vec(), ..place.quest(path) }))
    };
    assert_eq!(with("/a.css", &[Coding::Brotli, Coding::Gzip]), is("br"));
    assert_eq!(with("/a.css", &[Coding::Gzip, Coding::Brotli]), is("gz"));
    assert_eq!(with("/a.css", &[]), is("style"));
    assert_eq!(with("/photo.jpg", &[Coding::Gzip]), is("jpg"));
    fs::remove_file(place.root().join("a.css.br")).expect("it was there");
    assert_eq!(with("/a.css", &[Coding::Brotli, Coding::Gzip]), is("gz"));
}

#[test]
fn a_folder_is_looked_at_without_being_served() {
    let place = Place::new();
    assert!(look_at(&place.root()).is_ok());
    assert!(matches!(look_at(&place.0.join("nothing")), Err(Absent::NoFile)));
    assert!(matches!(look_at(&place.0.join("outside.txt")), Err(Absent::NoFile)));
}
