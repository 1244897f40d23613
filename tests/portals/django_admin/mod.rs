//! Django's admin (PyPI `django`): a form, a session cookie beside a CSRF cookie, logout by POST.

pub mod start;
