//! DokuWiki (Debian `dokuwiki`): every page takes a login, a cookie that remembers, and a remote API.

pub mod start;
