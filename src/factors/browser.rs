//! Which browser somebody signs in from, roughly: for people to recognise, never for a decision.

/// `Firefox on Windows`, from a User-Agent header.
pub fn browser(user_agent: &str) -> String {
    // Chrome claims to be Safari, Edge and Opera claim to be Chrome: the most particular comes first.
    let names = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (find(&names), find(&systems)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "an unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn the_browsers_people_have_are_told_apart() {
        let mozilla = "Mozilla/5.0";
        for (agent, said) in [
            (
                "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "(Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
                "Edge on Windows",
            ),
            (
                "(X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
                "Firefox on Linux",
            ),
            (
                "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "(iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17 Mobile Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "(Linux; Android 14; Pixel 8) Chrome/130.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("<script>alert(1)</script>", "an unknown browser"),
            ("", "an unknown browser"),
        ] {
            assert_eq!(browser(&format!("{mozilla} {agent}")), said);
        }
    }
}
