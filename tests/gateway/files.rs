//! A route that serves files, and how that ends in the access line.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test that is how to fail")]

mod changing;
mod refused;
mod sent;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::house::House;

/// A folder with a site in it, and something beside it that nobody is to see.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("wsgate-site-{:016x}", rand::random::<u64>());
        let place = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(place.root().join("sub/deep")).expect("a folder");
        fs::write(place.0.join("secret.txt"), "secret").expect("a file");
        for (name, text) in [
            ("index.html", "<h1>home</h1>\n"),
            ("hello.txt", "hello, world\n"),
            ("sub/index.html", "<h1>sub</h1>\n"),
            ("sub/deep/page.html", "page\n"),
            (".env", "PASSWORD=1\n"),
            (".git/config", "[core]\n"),
            (".well-known/assetlinks.json", "[]\n"),
        ] {
            place.write(name, text.as_bytes());
        }
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    fn link(&self, to: impl AsRef<Path>, name: &str) {
        symlink(to, self.path(name)).expect("a link");
    }

    fn route(&self, path: &str, more: &str) -> String {
        let root = self.root();
        format!("[[sites.routes]]\npath = \"{path}\"\nroot = \"{}\"\n{more}\n", root.display())
    }

    async fn house(&self, more: &str) -> House {
        House::with_routes(&self.route("/", more)).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
}

/// The statuses of these targets, each on a connection of its own.
async fn statuses(house: &House, targets: &[&str]) -> Vec<u16> {
    let mut all = Vec::new();
    for target in targets {
        let mut client = house.client().await;
        all.push(status(&client.fetch(target, "").await.0));
    }
    all
}
