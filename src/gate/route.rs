//! How a request is classed.

/// A request's class (DESIGN section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Below `/.doorstep/`: served here, never forwarded.
    Own,
    /// Named by configuration as open to anybody.
    Public,
    /// A login rule's page (GET, HEAD).
    LoginPage,
    /// The login itself, by the rule of this index.
    Login(usize),
    /// A POST in a login rule's place without exactly one readable username: never forwarded.
    BadLogin,
    /// Ends the session.
    Logout,
    /// Never forwarded, to nobody.
    Closed,
    /// Everything else.
    Protected,
    /// Not plain (I2): of the strictest class there is, usable for verified techs.
    Ambiguous,
}
