//! What names of fields, cookies and paths say of what stands in them.

/// Words that make a field a password's, wherever they stand in its name.
const PASSWORDS: [&str; 16] = [
    "passw",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "kennwort",
    "passwort",
    "senha",
    "contrasen",
    "mot_de_passe",
    "motdepasse",
    "wachtwoord",
    "haslo",
    "parola",
    "salasana",
    "lozinka",
];
/// Whole names of password fields.
const PASSWORD_NAMES: [&str; 9] = [
    "pass", "pw", "pin", "secret", "mdp", "userpass", "pword", "passwrd", "psw",
];
/// Whole names, bare, under which applications take a login's name.
const USERS: [&str; 40] = [
    "u",
    "user",
    "username",
    "userid",
    "login",
    "loginname",
    "loginid",
    "email",
    "emailaddress",
    "mail",
    "account",
    "accountname",
    "name",
    "uid",
    "uname",
    "log",
    "id",
    "identifier",
    "identity",
    "handle",
    "nick",
    "nickname",
    "jusername",
    "osusername",
    "userlogin",
    "useremail",
    "usernameoremail",
    "pmausername",
    "benutzer",
    "benutzername",
    "usr",
    "usuario",
    "utilisateur",
    "gebruikersnaam",
    "kennung",
    "mailaddress",
    "customer",
    "customerid",
    "memberid",
    "subject",
];
/// Words that make a value one that is not shown.
const TOKENS: [&str; 17] = [
    "token",
    "csrf",
    "xsrf",
    "nonce",
    "sectok",
    "apikey",
    "api_key",
    "signature",
    "jwt",
    "saml",
    "assertion",
    "credential",
    "ticket",
    "captcha",
    "viewstate",
    "eventvalidation",
    "sess",
];
/// Parameters that say what a request does, where many things share one path.
const DISCRIMINATORS: [&str; 28] = [
    "do",
    "action",
    "act",
    "a",
    "op",
    "operation",
    "operationname",
    "cmd",
    "command",
    "method",
    "mode",
    "task",
    "func",
    "function",
    "page",
    "p",
    "route",
    "r",
    "q",
    "view",
    "event",
    "step",
    "type",
    "grant_type",
    "module",
    "m",
    "controller",
    "login",
];
/// Parameters that say where to go afterwards.
const TARGETS: [&str; 20] = [
    "next",
    "return",
    "return_to",
    "returnto",
    "returnurl",
    "return_url",
    "redirect",
    "redirect_to",
    "redirect_uri",
    "redirecturl",
    "redirect_url",
    "back",
    "backurl",
    "back_url",
    "url",
    "goto",
    "dest",
    "destination",
    "target",
    "continue",
];

/// A name in lower case without what is no letter or digit.
pub fn bare(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The last part of a name: of a pointer (`/user/name`), of a bracketed (`user[name]`) or dotted one.
pub fn last_part(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_end_matches(']');
    name.rsplit(['[', '.', ':', '$']).next().unwrap_or(name)
}

/// Whether a field of this name holds a password.
pub fn is_password(name: &str) -> bool {
    let last = last_part(name).to_ascii_lowercase();
    PASSWORDS.iter().any(|word| last.contains(word)) || PASSWORD_NAMES.contains(&bare(&last).as_str())
}

/// Whether a password field is for another password than the one that signs in.
pub fn is_new_password(name: &str) -> bool {
    let last = last_part(name).to_ascii_lowercase();
    [
        "new",
        "confirm",
        "repeat",
        "again",
        "verify",
        "retype",
        "password2",
        "old",
    ]
    .iter()
    .any(|word| last.contains(word))
}

/// How much a field's name looks like that of a login's name: 0, 1 or 2.
pub fn username_likeness(name: &str) -> u8 {
    let last = bare(last_part(name));
    if USERS.contains(&last.as_str()) {
        return match last.as_str() {
            "name" | "id" | "account" | "customer" | "subject" | "u" | "log" => 1,
            _ => 2,
        };
    }
    u8::from(
        ["username", "userid", "email", "login"]
            .iter()
            .any(|word| last.contains(word))
            && !is_token(name),
    )
}

/// Whether what stands under a name is not shown.
pub fn is_token(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TOKENS.iter().any(|word| name.contains(word))
}

/// Whether a cookie or field guards against other sites' forms.
pub fn is_csrf(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["csrf", "xsrf", "antiforgery", "authenticity", "sectok"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether a parameter says what a request does.
pub fn is_discriminator(name: &str) -> bool {
    DISCRIMINATORS.contains(&last_part(name).to_ascii_lowercase().as_str())
}

/// Whether a parameter says where to go afterwards.
pub fn is_target(name: &str) -> bool {
    TARGETS.contains(&last_part(name).to_ascii_lowercase().as_str())
}

/// Whether a value of a discriminator means a login.
pub fn says_login(value: &str) -> bool {
    let value = bare(value);
    value.len() <= 40
        && ["login", "logon", "signin", "authenticat", "anmelden", "connexion"]
            .iter()
            .any(|word| value.contains(word))
        || ["auth", "password", "passwd", "credentials"].contains(&value.as_str())
}

/// Whether a path's segment or a discriminator's value means a logout.
pub fn says_logout(value: &str) -> bool {
    let value = bare(value);
    value.len() <= 40
        && [
            "logout",
            "logoff",
            "signout",
            "signoff",
            "abmelden",
            "deconnexion",
            "logginout",
            "endsession",
            "loggedout",
        ]
        .iter()
        .any(|word| value.contains(word))
}

/// Whether a path's segment takes a token back.
pub fn says_revoke(value: &str) -> bool {
    ["revoke", "invalidate"]
        .iter()
        .any(|word| bare(value).contains(word))
}

/// Whether a cookie's name is a session's.
pub fn is_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let anywhere = [
        "sess",
        "auth",
        "token",
        "jwt",
        "login",
        "logged_in",
        "remember",
        "connect.sid",
        "identity",
        "ticket",
        "aspx",
    ];
    anywhere.iter().any(|word| name.contains(word)) || name.ends_with("sid") || name == "id"
}

/// Whether a cookie keeps a taste, not a session.
pub fn is_taste(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "theme",
        "lang",
        "locale",
        "i18n",
        "timezone",
        "tz",
        "pref",
        "skin",
        "style",
        "consent",
        "color",
        "colour",
        "sidebar",
        "collapsed",
        "currency",
        "testcookie",
        "test_cookie",
        "dark",
    ];
    words.iter().any(|word| name.contains(word))
}

/// Whether a key of JSON holds a token that signs requests.
pub fn is_bearer(key: &str) -> bool {
    let key = bare(key);
    matches!(
        key.as_str(),
        "accesstoken"
            | "token"
            | "authtoken"
            | "jwt"
            | "bearer"
            | "bearertoken"
            | "sessiontoken"
            | "apitoken"
            | "idtoken"
    )
}

/// A cookie's name with what differs between installations as a star: a hash, digits, a scheme.
pub fn as_glob(name: &str) -> String {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    if let Some(rest) = name.strip_suffix("_https").or_else(|| name.strip_suffix("_http")) {
        return format!("{rest}*");
    }
    if let Some(rest) = name.strip_prefix("ASPSESSIONID")
        && !rest.is_empty()
    {
        return "ASPSESSIONID*".to_owned();
    }
    // The hash ends the name; what stands before it is the application's own.
    for start in name.char_indices().map(|(at, _)| at).skip(2) {
        let (before, rest) = name.split_at(start);
        let digest = matches!(rest.len(), 32 | 40 | 64) && is_hex(rest) && digits(rest) > 3;
        let apart =
            before.ends_with(['_', '-', '.']) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if digest || apart && rest.len() >= 8 && digits(rest) >= 3 {
            return format!("{before}*");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_a_cookies_name_becomes_a_star() {
        for (name, glob) in [
            ("DW68700bfd16c2027de7de74a5a8202a6f", "DW*"),
            (
                "wordpress_logged_in_5c016e8f0f95f039102cbe8366c5c7f3",
                "wordpress_logged_in_*",
            ),
            ("phpMyAdmin_https", "phpMyAdmin*"),
            ("ASPSESSIONIDQQRRSSTT", "ASPSESSIONID*"),
            ("sessionid", "sessionid"),
            ("connect.sid", "connect.sid"),
            ("JSESSIONID", "JSESSIONID"),
            ("PHPSESSID", "PHPSESSID"),
            ("ocabc123def4", "ocabc123def4"),
            ("SSESS49960de5880e8c687434170f6476605b", "SSESS*"),
            ("screenResolution", "screenResolution"),
        ] {
            assert_eq!(as_glob(name), glob, "{name}");
        }
    }

    #[test]
    fn fields_are_known_by_their_names() {
        for name in [
            "password",
            "user[password]",
            "/credentials/passwd",
            "j_password",
            "p.pwd",
            "Pass",
            "PIN",
        ] {
            assert!(is_password(name), "{name}");
        }
        for name in ["p", "compass_heading", "passport", "username", "do", "spin"] {
            assert!(!is_password(name), "{name}");
        }
        for name in [
            "username",
            "j_username",
            "/user/email",
            "session[username_or_email]",
            "pma_username",
        ] {
            assert_eq!(username_likeness(name), 2, "{name}");
        }
        for name in ["password", "csrf", "next", "sectok"] {
            assert_eq!(username_likeness(name), 0, "{name}");
        }
    }
}
