use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::{FactorKind, FirmId, FirmStanding, Login, Policy, Role, TwoFactor};
use super::*;
use crate::sessions::Holder;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

const ROUTES: [Route; 10] = [
    Route::Own,
    Route::Public,
    Route::LoginPage,
    Route::LoginPageWithName,
    Route::Login(3),
    Route::BadLogin,
    Route::Logout,
    Route::Closed,
    Route::Protected,
    Route::Ambiguous,
];

/// How a firm stands on second factors.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Off,
    On,
    OnLater,
    BreakGlass,
    BreakGlassOver,
    Network,
    OtherNetwork,
}

const SAYS: [Says; 7] = [
    Says::Off,
    Says::On,
    Says::OnLater,
    Says::BreakGlass,
    Says::BreakGlassOver,
    Says::Network,
    Says::OtherNetwork,
];

/// Who is there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    Replaced,
    Anonymous,
    Password,
    Verified,
    VerifiedUnderOldPolicy,
}

const WHO: [Who; 6] = [
    Who::Nobody,
    Who::Replaced,
    Who::Anonymous,
    Who::Password,
    Who::Verified,
    Who::VerifiedUnderOldPolicy,
];

/// How the holder stands in the directory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    Well,
    Inactive,
    SignedOut,
    MovedToAnotherFirm,
    SomebodyElse,
    Unlisted,
    Gone,
    ListedSince,
}

const STANDS: [Stands; 8] = [
    Stands::Well,
    Stands::Inactive,
    Stands::SignedOut,
    Stands::MovedToAnotherFirm,
    Stands::SomebodyElse,
    Stands::Unlisted,
    Stands::Gone,
    Stands::ListedSince,
];

fn standing(says: Says, stands: Stands) -> Option<EmployeeStanding> {
    if matches!(stands, Stands::Unlisted | Stands::Gone) {
        return None;
    }
    let network = |text: &str| Policy {
        networks: vec![text.parse().unwrap()],
        ..Policy::default()
    };
    let later = NOW.plus(Duration::from_millis(1));
    let two_factor = match says {
        Says::Off => TwoFactor {
            enabled: false,
            from: None,
        },
        Says::OnLater => TwoFactor {
            enabled: true,
            from: Some(later),
        },
        Says::On => TwoFactor {
            enabled: true,
            from: Some(NOW),
        },
        _ => TwoFactor::default(),
    };
    Some(EmployeeStanding {
        devices: Vec::new(),
        login: Login::parse(if stands == Stands::SomebodyElse {
            "boss"
        } else {
            "Anna"
        })
        .unwrap(),
        name: "Anna".into(),
        epoch: if stands == Stands::SignedOut { 8 } else { 7 },
        active: stands != Stands::Inactive,
        role: Role::Tech,
        firm: FirmStanding {
            id: FirmId::parse(if stands == Stands::MovedToAnotherFirm {
                "corp-b"
            } else {
                "corp-a"
            })
            .unwrap(),
            name: "Corp".into(),
            epoch: 4,
            two_factor,
            policy: match says {
                Says::Network => network("192.0.2.0/24"),
                Says::OtherNetwork => network("198.51.100.0/24"),
                _ => Policy::default(),
            },
            break_glass: match says {
                Says::BreakGlass => Some(later),
                Says::BreakGlassOver => Some(NOW),
                _ => None,
            },
        },
    })
}

fn level(who: Who, stands: Stands) -> Option<Level> {
    let firm =
        (!matches!(stands, Stands::Unlisted | Stands::ListedSince)).then(|| FirmId::parse("corp-a").unwrap());
    let holder = Holder {
        login: Login::parse("anna").unwrap(),
        firm,
        employee_epoch: 7,
    };
    let verified = |firm_epoch| Level::SecondFactor {
        holder: holder.clone(),
        factor: FactorKind::Totp,
        verified: NOW,
        firm_epoch,
    };
    match who {
        Who::Nobody | Who::Replaced => None,
        Who::Anonymous => Some(Level::Anonymous { tried: None }),
        Who::Verified => Some(verified(4)),
        Who::VerifiedUnderOldPolicy => Some(verified(3)),
        Who::Password => Some(Level::Password {
            holder,
            since: NOW,
            challenge: None,
            may_enrol_until: None,
            device: None,
        }),
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    route: Route,
    who: Who,
    says: Says,
    stands: Stands,
    anonymous: Anonymous,
    pass_unknown: bool,
}

impl Case {
    fn every() -> Vec<Self> {
        let mut cases = Vec::new();
        for route in ROUTES {
            for who in WHO {
                for says in SAYS {
                    for stands in STANDS {
                        for anonymous in [Anonymous::Login, Anonymous::Forward] {
                            for pass_unknown in [false, true] {
                                cases.push(Self {
                                    route,
                                    who,
                                    says,
                                    stands,
                                    anonymous,
                                    pass_unknown,
                                });
                            }
                        }
                    }
                }
            }
        }
        cases
    }

    fn decide(self) -> Verdict {
        let (level, standing) = (level(self.who, self.stands), standing(self.says, self.stands));
        let presence = match &level {
            Some(level) => Presence::Session {
                level,
                standing: standing.as_ref(),
            },
            None if self.who == Who::Replaced => Presence::Replaced,
            None => Presence::Nobody,
        };
        decide(&Ask {
            route: self.route,
            presence,
            client: CLIENT,
            now: NOW,
            anonymous: self.anonymous,
            pass_unknown: self.pass_unknown,
        })
    }

    /// Whether I1 lets this person use what is protected, and by which exception; written from DESIGN's words
    /// and not from the code.
    fn may_pass(self) -> Option<Option<Exception>> {
        let signed_in = matches!(
            self.who,
            Who::Password | Who::Verified | Who::VerifiedUnderOldPolicy
        );
        let unknown = self.pass_unknown && self.stands == Stands::Unlisted;
        match self.says {
            _ if !signed_in => None,
            _ if unknown => Some(Some(Exception::UnknownEmployee)),
            _ if self.stands != Stands::Well => None,
            _ if self.who == Who::Verified => Some(None),
            Says::Off | Says::OnLater => Some(None),
            Says::BreakGlass => Some(Some(Exception::BreakGlass)),
            Says::Network => Some(Some(Exception::Network)),
            Says::On | Says::BreakGlassOver | Says::OtherNetwork => None,
        }
    }

    /// Whether a password was accepted that still counts, and a factor is owed.
    fn owes(self) -> bool {
        matches!(self.who, Who::Password | Who::VerifiedUnderOldPolicy)
            && self.stands == Stands::Well
            && self.may_pass().is_none()
    }
}

#[test]
fn i1_decide_is_a_table_over_route_level_policy() {
    use Credentials::{LoginJar, None as Nothing, PublicJar, Vault};
    use Verdict::{Forward, Refuse};
    let cases = Case::every();
    assert_eq!(cases.len(), 10 * 6 * 7 * 8 * 2 * 2);
    for case in cases {
        let passes = case.may_pass();
        let expected = match (case.route, case.who) {
            (Route::Own, _) => Verdict::Own,
            (Route::Closed, _) => Refuse(Refusal::Closed),
            (Route::BadLogin, _) => Refuse(Refusal::BadLogin),
            (Route::Public, Who::Replaced) => Forward(Nothing, None),
            (_, Who::Replaced) => Refuse(Refusal::Retry),
            (Route::LoginPageWithName, _) => Refuse(Refusal::LoginPageClean),
            (Route::Login(rule), _) => Verdict::Login(rule),
            (Route::Logout, _) if passes.is_some() || case.owes() => Verdict::Logout,
            (Route::Logout, _) => Forward(LoginJar, None),
            (Route::Public, _) if case.owes() => Forward(Nothing, None),
            (_, _) if case.owes() => Refuse(Refusal::SecondFactor),
            (Route::Public, _) => passes.map_or(Forward(PublicJar, None), |why| Forward(Vault, why)),
            (Route::LoginPage, _) => passes.map_or(Forward(LoginJar, None), |why| Forward(Vault, why)),
            (Route::Protected, _) if passes.is_none() && case.anonymous == Anonymous::Forward => {
                Forward(Nothing, None)
            }
            (Route::Protected | Route::Ambiguous, _) => {
                passes.map_or(Refuse(Refusal::SignIn), |why| Forward(Vault, why))
            }
        };
        assert_eq!(case.decide(), expected, "{case:?}");
    }
}

#[test]
fn i1_nothing_protected_is_forwarded_with_credentials_but_under_i1() {
    for case in Case::every() {
        let Verdict::Forward(credentials, exception) = case.decide() else {
            continue;
        };
        assert!(
            !matches!(
                case.route,
                Route::Own | Route::Closed | Route::BadLogin | Route::Login(_)
            ),
            "{case:?}"
        );
        if credentials == Credentials::Vault {
            assert_eq!(case.may_pass(), Some(exception), "{case:?}");
        } else {
            assert_eq!(exception, None, "{case:?}");
        }
        if matches!(case.route, Route::Protected | Route::Ambiguous) && credentials != Credentials::Vault {
            assert_eq!(credentials, Credentials::None, "{case:?}");
            assert!(
                case.route == Route::Protected && case.anonymous == Anonymous::Forward,
                "{case:?}"
            );
        }
        // Before the factor nothing of a vault goes up, and no jar of an anonymous session serves its holder.
        if case.owes() {
            assert_eq!(
                (case.route, credentials),
                (Route::Public, Credentials::None),
                "{case:?}"
            );
        }
    }
}

#[test]
fn i1_the_rows_that_people_meet() {
    let row = |route, who, says| {
        Case {
            route,
            who,
            says,
            stands: Stands::Well,
            anonymous: Anonymous::Login,
            pass_unknown: false,
        }
        .decide()
    };
    let vault = Verdict::Forward(Credentials::Vault, None);
    let owed = Verdict::Refuse(Refusal::SecondFactor);
    for (route, who, says, verdict) in [
        (
            Route::Protected,
            Who::Nobody,
            Says::On,
            Verdict::Refuse(Refusal::SignIn),
        ),
        (
            Route::Protected,
            Who::Anonymous,
            Says::Off,
            Verdict::Refuse(Refusal::SignIn),
        ),
        (Route::Protected, Who::Password, Says::On, owed),
        (Route::Protected, Who::Password, Says::Off, vault),
        (Route::Protected, Who::Password, Says::OnLater, vault),
        (Route::Protected, Who::Verified, Says::On, vault),
        (Route::Protected, Who::VerifiedUnderOldPolicy, Says::On, owed),
        (Route::Protected, Who::VerifiedUnderOldPolicy, Says::Off, vault),
        (
            Route::Protected,
            Who::Password,
            Says::BreakGlass,
            Verdict::Forward(Credentials::Vault, Some(Exception::BreakGlass)),
        ),
        (Route::Protected, Who::Verified, Says::BreakGlass, vault),
        (Route::Protected, Who::Password, Says::BreakGlassOver, owed),
        (
            Route::Protected,
            Who::Password,
            Says::Network,
            Verdict::Forward(Credentials::Vault, Some(Exception::Network)),
        ),
        (
            Route::Protected,
            Who::Replaced,
            Says::Off,
            Verdict::Refuse(Refusal::Retry),
        ),
        (Route::Ambiguous, Who::Verified, Says::On, vault),
        (Route::Ambiguous, Who::Password, Says::On, owed),
        (
            Route::Public,
            Who::Nobody,
            Says::On,
            Verdict::Forward(Credentials::PublicJar, None),
        ),
        (
            Route::Public,
            Who::Password,
            Says::On,
            Verdict::Forward(Credentials::None, None),
        ),
        (
            Route::LoginPage,
            Who::Anonymous,
            Says::On,
            Verdict::Forward(Credentials::LoginJar, None),
        ),
        (Route::LoginPage, Who::Password, Says::On, owed),
        (Route::Login(0), Who::Password, Says::On, Verdict::Login(0)),
        (Route::Logout, Who::Password, Says::On, Verdict::Logout),
        (
            Route::Logout,
            Who::Nobody,
            Says::On,
            Verdict::Forward(Credentials::LoginJar, None),
        ),
    ] {
        assert_eq!(row(route, who, says), verdict, "{route:?} {who:?} {says:?}");
    }
}

#[test]
fn i10_a_session_stands_while_its_holder_does() {
    for stands in STANDS {
        let standing = standing(Says::Off, stands);
        for who in [Who::Password, Who::Verified, Who::VerifiedUnderOldPolicy] {
            let level = level(who, stands).unwrap();
            assert_eq!(
                still_stands(&level, standing.as_ref()),
                stands == Stands::Well,
                "{stands:?}"
            );
        }
        assert!(still_stands(&Level::Anonymous { tried: None }, standing.as_ref()));
    }
}

#[test]
fn i1_a_network_holds_for_its_own_addresses_only_also_as_mapped_ones() {
    let level = level(Who::Password, Stands::Well).unwrap();
    let standing = standing(Says::Network, Stands::Well).unwrap();
    for (client, passes) in [
        ("192.0.2.255", true),
        ("::ffff:192.0.2.1", true),
        ("192.0.3.0", false),
        ("2001:db8::1", false),
    ] {
        let verdict = decide(&Ask {
            route: Route::Protected,
            presence: Presence::Session {
                level: &level,
                standing: Some(&standing),
            },
            client: client.parse().unwrap(),
            now: NOW,
            anonymous: Anonymous::Login,
            pass_unknown: false,
        });
        assert_eq!(matches!(verdict, Verdict::Forward(..)), passes, "{client}");
    }
}
