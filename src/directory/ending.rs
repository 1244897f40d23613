//! What goes together: whatever is taken from an employee takes along what it let in (I14). This is the one place
//! that says what.

use super::DirectoryUnknown;
use super::change::Change;
use crate::gate::FirmId;

/// Something that an employee had, and has not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken<'a> {
    /// All that proves who they are: a reset.
    Everything,
    /// One factor, by its id.
    Factor(&'a str),
    /// The recovery codes that were not used.
    RecoveryCodes,
    /// Their number, for another or for none.
    Number,
    /// That they may sign in at all.
    Standing,
    /// Their sessions alone.
    Sessions,
}

const FACTORS: &str = "DELETE FROM factors WHERE employee = $1";
const RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE employee = $1";
const PASSCODE: &str = "DELETE FROM passcodes WHERE employee = $1";
const REMEMBERED: &str = "DELETE FROM remembered_devices WHERE employee = $1";
const NUMBER_ASKED: &str = "DELETE FROM phone_changes WHERE employee = $1";
/// Codes by which a phone could still be enrolled.
const PHONE_CODES: &str = "DELETE FROM device_codes WHERE employee = $1";
/// Whoever has the lost phone may have its number at a provider too: asked for anew.
const ACCOUNTS: &str = "DELETE FROM provider_accounts WHERE employee = $1";

impl Taken<'_> {
    /// What is deleted along with it. Beside that the employee's epoch rises, always: sessions are over on every
    /// gateway, and remembered devices, which carry it, are worth nothing.
    fn along(self) -> &'static [&'static str] {
        match self {
            Self::Everything => &[
                FACTORS,
                RECOVERY_CODES,
                PASSCODE,
                REMEMBERED,
                NUMBER_ASKED,
                PHONE_CODES,
                ACCOUNTS,
            ],
            Self::Factor(_) => &[REMEMBERED, PHONE_CODES],
            Self::RecoveryCodes => &[RECOVERY_CODES, REMEMBERED, PHONE_CODES],
            Self::Number => &[REMEMBERED, NUMBER_ASKED],
            Self::Standing => &[PASSCODE, REMEMBERED, NUMBER_ASKED, PHONE_CODES],
            Self::Sessions => &[REMEMBERED],
        }
    }
}

impl Change {
    /// Ends what was let in by what is taken. The key is the employee's folded login.
    pub(super) async fn end(&mut self, employee: &str, taken: Taken<'_>) -> Result<(), DirectoryUnknown> {
        if let Taken::Factor(id) = taken {
            sqlx::query("DELETE FROM factors WHERE employee = $1 AND id = $2")
                .bind(employee)
                .bind(id)
                .execute(self.db())
                .await?;
        }
        for statement in taken.along() {
            sqlx::query(*statement).bind(employee).execute(self.db()).await?;
        }
        let epoch = self.counter;
        sqlx::query("UPDATE employees SET epoch = $1 WHERE folded = $2")
            .bind(epoch)
            .bind(employee)
            .execute(self.db())
            .await?;
        self.touch_employee(employee).await
    }

    /// The employee is gone, and with them all that hangs on them (`ON DELETE CASCADE`); their audit rows stay.
    pub(super) async fn remove(&mut self, employee: &str) -> Result<(), DirectoryUnknown> {
        self.touch_employee(employee).await?;
        sqlx::query("DELETE FROM employees WHERE folded = $1")
            .bind(employee)
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// A passcode that was not used is worth nothing any more.
    pub(super) async fn void_passcode(&mut self, employee: &str) -> Result<(), DirectoryUnknown> {
        sqlx::query(PASSCODE).bind(employee).execute(self.db()).await?;
        Ok(())
    }

    /// A change of number that waits is worth nothing any more.
    pub(super) async fn void_phone_change(&mut self, employee: &str) -> Result<(), DirectoryUnknown> {
        sqlx::query(NUMBER_ASKED)
            .bind(employee)
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// The employee's recovery codes are worth nothing any more; how many were not used.
    pub(super) async fn void_recovery_codes(&mut self, employee: &str) -> Result<u64, DirectoryUnknown> {
        let (left,) = sqlx::query_as::<_, (i64,)>(
            "SELECT COUNT(*) FROM recovery_codes WHERE employee = $1 AND used = 0",
        )
        .bind(employee)
        .fetch_one(self.db())
        .await?;
        sqlx::query(RECOVERY_CODES)
            .bind(employee)
            .execute(self.db())
            .await?;
        Ok(u64::try_from(left).unwrap_or(0))
    }

    /// A firm's policy takes verifications back: the devices of all of its people are asked again.
    pub(super) async fn forget_devices_of(&mut self, firm: &FirmId) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "DELETE FROM remembered_devices WHERE employee IN (SELECT folded FROM employees WHERE firm = $1)",
        )
        .bind(firm.as_str())
        .execute(self.db())
        .await?;
        Ok(())
    }
}
