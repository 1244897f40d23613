//! What may happen to a session, for the model in `machine`.

use proptest::prelude::*;

/// Who signs in.
pub const PEOPLE: [&str; 2] = ["anna", "carl"];
/// In so many tabs.
pub const TABS: usize = 3;

/// What may happen.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Login {
        tab: usize,
        gate: usize,
        who: usize,
    },
    /// A key of so many steps from now, or a wrong one.
    Type {
        tab: usize,
        gate: usize,
        steps: i64,
        wrong: bool,
    },
    /// The same, under a token that was replaced or ended.
    TypeUnderOld {
        gate: usize,
        steps: i64,
    },
    /// A session begins in which nobody has signed in.
    Arrive {
        tab: usize,
        gate: usize,
    },
    /// The key that verified last, or the one before it, once more in another browser of the same person.
    Replay {
        gate: usize,
        before: bool,
    },
    LoginUnderOld {
        gate: usize,
        who: usize,
    },
    Toggle,
    Wait(u64),
    RevokeEmployee(usize),
    RevokeSession(usize),
    Logout {
        tab: usize,
        gate: usize,
    },
}

/// One of them.
pub fn step() -> impl Strategy<Value = Step> {
    let tab = 0..TABS;
    let gate = 0..2_usize;
    prop_oneof![
        5 => (tab.clone(), gate.clone(), 0..PEOPLE.len()).prop_map(|(tab, gate, who)| Step::Login { tab, gate, who }),
        7 => (tab.clone(), gate.clone(), -1..=1_i64, prop::bool::weighted(0.2))
            .prop_map(|(tab, gate, steps, wrong)| Step::Type { tab, gate, steps, wrong }),
        1 => (gate.clone(), -1..=1_i64).prop_map(|(gate, steps)| Step::TypeUnderOld { gate, steps }),
        1 => (gate.clone(), 0..PEOPLE.len()).prop_map(|(gate, who)| Step::LoginUnderOld { gate, who }),
        2 => (tab.clone(), gate.clone()).prop_map(|(tab, gate)| Step::Arrive { tab, gate }),
        3 => (gate.clone(), any::<bool>()).prop_map(|(gate, before)| Step::Replay { gate, before }),
        2 => Just(Step::Toggle),
        4 => prop_oneof![Just(20_u64), Just(31), Just(120), Just(3000), Just(7300)].prop_map(Step::Wait),
        1 => (0..PEOPLE.len()).prop_map(Step::RevokeEmployee),
        1 => tab.clone().prop_map(Step::RevokeSession),
        1 => (tab, gate).prop_map(|(tab, gate)| Step::Logout { tab, gate }),
    ]
}
