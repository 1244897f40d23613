use super::*;

#[test]
fn i4_names_that_a_server_could_take_for_the_rules_are_alike() {
    for (sent, known) in [
        ("email", "email"),
        (" email", "email"),
        ("email ", "email"),
        ("\temail\n", "email"),
        ("+email", "email"),
        ("EMail", "email"),
        ("email\0x", "email"),
        ("email[]", "email"),
        ("email[x]", "email"),
        ("email[", "email"),
        ("user.name", "user_name"),
        ("user name", "user_name"),
        ("user+name", "user_name"),
        ("user[name", "user_name"),
        ("user_name", "user.name"),
        ("user.name[]", "user_name"),
        ("user[email]x", "user[email]"),
        ("user[email][]", "user[email]"),
        ("user[ email]", "user[email]"),
        ("User[Email]", "user[email]"),
        // Go, Java and the .NET Framework fold these without case; none of them is in small letters what it folds to.
        ("u\u{17f}er", "user"),
        ("ema\u{131}l", "email"),
        ("EMA\u{130}L", "email"),
        ("\u{212a}ey", "key"),
        // Node's body parsers drop a byte order mark.
        ("\u{feff}email", "email"),
        // Ruby's Rack and Node's qs pass over brackets at the beginning, and Rack over those that close nothing.
        ("[email]", "email"),
        ("]email", "email"),
        ("[email", "email"),
        ("email]", "email"),
        ("[user][email]", "user[email]"),
        ("user]email", "user[email]"),
        ("user[[email]", "user[email]"),
        ("user[email", "user[email]"),
    ] {
        assert!(same_name(sent, known), "{sent:?} {known:?}");
    }
    for (sent, known) in [
        ("emails", "email"),
        ("my_email", "email"),
        ("e-mail", "email"),
        ("user[password]", "user[email]"),
        ("user", "user[email]"),
        ("", "email"),
        ("id", "u"),
        ("user_name2", "user_name"),
        ("x[email]", "email"),
        ("[x]email", "email"),
        ("[]", "email"),
    ] {
        assert!(!same_name(sent, known), "{sent:?} {known:?}");
    }
}

#[test]
fn a_server_that_also_splits_at_semicolons_is_thought_of() {
    let fields = Fields::parse(b"a=1;email=x&b=2");
    assert_eq!(fields.values("a").collect::<Vec<_>>(), ["1;email=x"]);
    assert!(!fields.mentions("email").is_empty());
    assert!(!Fields::parse(b"email;x=1").mentions("email").is_empty());
    assert!(Fields::parse(b"do=login;x").mentions("do").is_ambiguous());
    assert!(Fields::parse(b"a=1%3Bemail=x").mentions("email").is_empty());
}

#[test]
fn values_are_decoded_and_what_is_no_text_is_told() {
    let fields = Fields::parse("a=b+c%20d&a=%C3%A4&e&=f".as_bytes());
    assert_eq!(fields.values("a").collect::<Vec<_>>(), ["b c d", "\u{e4}"]);
    assert!(fields.mentions("a").is_ambiguous() && !fields.mentions("e").is_ambiguous());
    for odd in ["%ff=1", "a%00=1", "%2565mail=1", "a%u0041=1", "a%=1", "a%0ab=1"] {
        assert!(Fields::parse(odd.as_bytes()).has_odd_names(), "{odd}");
    }
    for unreadable in ["a=%ff", "a=x%00y", "a=x%0d"] {
        assert!(
            Fields::parse(unreadable.as_bytes()).mentions("a").is_ambiguous(),
            "{unreadable}"
        );
    }
    assert!(!Fields::parse(b"a=100%&b=%25").has_odd_names());
    assert!(Fields::parse("a&".repeat(1001).as_bytes()).has_odd_names());
    assert!(Fields::parse("a=;".repeat(1001).as_bytes()).has_odd_names());
}
