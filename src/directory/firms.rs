//! Firms: the unit of policy.

use serde_json::json;

use super::change::{Change, Touched, no_firm, shown_text};
use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Actor, AuditEvent, BreakGlass, ChangeRefused, Directory, DirectoryUnknown, Firm};
use crate::clock::Timestamp;
use crate::gate::{FirmId, FirmStanding, Policy, TwoFactor};

macro_rules! select_firm {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, two_factor, two_factor_from, policy, epoch, break_glass_until, ",
            "break_glass_reason FROM firms ",
            $rest
        )
    };
}

impl Directory {
    /// Adds a firm. Its second factor is off until it is enabled: enabling looks at who is ready.
    ///
    /// # Errors
    /// `Duplicate`, `Invalid`, or the directory does not answer.
    pub async fn add_firm(
        &self,
        actor: &Actor,
        id: &FirmId,
        name: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            change.insert_firm(actor, id, name).await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// A firm.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn firm(&self, id: &FirmId) -> Result<Option<Firm>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, FirmRow>(select_firm!("WHERE id = $1")).bind(id.as_str());
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        row.map(FirmRow::firm).transpose()
    }

    /// All firms, in the order of their ids.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn firms(&self) -> Result<Vec<Firm>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, FirmRow>(select_firm!("ORDER BY id"));
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        rows.into_iter().map(FirmRow::firm).collect()
    }

    /// Replaces name and policy. The epoch rises where `factors` changed: what was verified before by a factor
    /// that is not allowed any more must be verified anew.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, or the directory does not answer.
    pub async fn set_firm(
        &self,
        actor: &Actor,
        id: &FirmId,
        name: &str,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        self.edit_firm(actor, id, now, |_| {
            Ok::<_, ChangeRefused>((name.to_owned(), policy.clone()))
        })
        .await
        .map(drop)
    }

    /// Replaces name and policy by what `edit` makes of the firm as it stands in this change, under the write
    /// lock: no other change can come between its look and its answer.
    ///
    /// # Errors
    /// What `edit` refuses, `NotFound`, `Invalid`, or the directory does not answer.
    pub async fn edit_firm<E: From<ChangeRefused> + From<DirectoryUnknown>>(
        &self,
        actor: &Actor,
        id: &FirmId,
        now: Timestamp,
        edit: impl FnOnce(&Firm) -> Result<(String, Policy), E>,
    ) -> Result<Firm, E> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.firm(id).await?;
            let (name, policy) = edit(&before)?;
            Ok(change.replace_firm(actor, before, &name, policy).await?)
        })
        .await
    }

    /// Lets a firm in on passwords until then.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` where no reason is given, or the directory does not answer.
    pub async fn break_glass(
        &self,
        actor: &Actor,
        id: &FirmId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        let reason = shown_text("a reason", reason)?;
        if reason.is_empty() {
            return Err(ChangeRefused::Invalid("say why, with --reason TEXT".into()));
        }
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.firm(id).await?;
            sqlx::query("UPDATE firms SET break_glass_until = $1, break_glass_reason = $2 WHERE id = $3")
                .bind(until.0)
                .bind(reason.as_str())
                .bind(id.as_str())
                .execute(change.db())
                .await?;
            change.touch(Touched::Firm(id)).await?;
            let details = json!({
                "before": before.break_glass.map(|glass| glass.until.to_string()),
                "until": until.to_string(),
                "reason": reason,
            });
            change.audit_firm("firm.break_glass", actor, id, details).await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

impl Change {
    /// A new firm, with its second factor off.
    pub(super) async fn insert_firm(
        &mut self,
        actor: &Actor,
        id: &FirmId,
        name: &str,
    ) -> Result<(), ChangeRefused> {
        let name = shown_text("a firm's name", name)?;
        let epoch = self.counter;
        let added = sqlx::query(
            "INSERT INTO firms (id, name, two_factor, policy, epoch) VALUES ($1, $2, 0, '{}', $3) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(name.as_str())
        .bind(epoch)
        .execute(self.db())
        .await?;
        if added.rows_affected() == 0 {
            return Err(ChangeRefused::Duplicate(format!("there is already a firm {id}")));
        }
        self.touch(Touched::Firm(id)).await?;
        let details = json!({"name": name, "two_factor": {"enabled": false}});
        Ok(self.audit_firm("firm.added", actor, id, details).await?)
    }

    /// Writes name and policy, where they differ, and commits.
    async fn replace_firm(
        mut self,
        actor: &Actor,
        before: Firm,
        name: &str,
        policy: Policy,
    ) -> Result<Firm, ChangeRefused> {
        let after = self.write_firm(actor, before, name, policy).await?;
        self.commit().await?;
        Ok(after)
    }

    /// Writes name and policy, where they differ.
    pub(super) async fn write_firm(
        &mut self,
        actor: &Actor,
        before: Firm,
        name: &str,
        policy: Policy,
    ) -> Result<Firm, ChangeRefused> {
        self.write_firm_saying(actor, before, name, policy, json!({}))
            .await
    }

    /// As [`Self::write_firm`], with `more` in its audit row.
    pub(super) async fn write_firm_saying(
        &mut self,
        actor: &Actor,
        before: Firm,
        name: &str,
        policy: Policy,
        more: serde_json::Value,
    ) -> Result<Firm, ChangeRefused> {
        let name = shown_text("a firm's name", name)?;
        if before.name == name && before.policy == policy {
            return Ok(before);
        }
        let text = serde_json::to_string(&policy)
            .map_err(|error| ChangeRefused::Invalid(format!("the policy cannot be kept: {error}")))?;
        let factors_changed = before.policy.factors != policy.factors;
        let epoch = if factors_changed {
            self.counter
        } else {
            before.epoch
        };
        sqlx::query("UPDATE firms SET name = $1, policy = $2, epoch = $3 WHERE id = $4")
            .bind(name.as_str())
            .bind(text)
            .bind(epoch)
            .bind(before.id.as_str())
            .execute(self.db())
            .await?;
        if factors_changed || before.policy.remember_device != policy.remember_device {
            self.forget_devices_of(&before.id).await?;
        }
        self.touch(Touched::Firm(&before.id)).await?;
        let mut details = more;
        details["before"] = json!({"name": before.name, "policy": before.policy});
        details["after"] = json!({"name": name, "policy": policy});
        self.audit_firm("firm.changed", actor, &before.id, details)
            .await?;
        Ok(Firm {
            name,
            policy,
            epoch,
            ..before
        })
    }

    /// The firm as it stands in this change.
    pub(super) async fn firm(&mut self, id: &FirmId) -> Result<Firm, ChangeRefused> {
        let row = sqlx::query_as::<_, FirmRow>(select_firm!("WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.db())
            .await?;
        Ok(row.ok_or_else(|| no_firm(id))?.firm()?)
    }

    /// An audit row about a firm.
    pub(super) async fn audit_firm(
        &mut self,
        event: &'static str,
        actor: &Actor,
        firm: &FirmId,
        details: serde_json::Value,
    ) -> Result<(), DirectoryUnknown> {
        let event = AuditEvent {
            event,
            actor: actor.clone(),
            firm: Some(firm.clone()),
            login: None,
            details,
        };
        self.audit(&event).await
    }
}

/// A firm as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
struct FirmRow {
    id: String,
    name: String,
    two_factor: i64,
    two_factor_from: Option<i64>,
    policy: String,
    epoch: i64,
    break_glass_until: Option<i64>,
    break_glass_reason: Option<String>,
}

impl FirmRow {
    fn firm(self) -> Result<Firm, DirectoryUnknown> {
        let reason = self.break_glass_reason.unwrap_or_default();
        Ok(Firm {
            id: FirmId::parse(&self.id).map_err(|_| unreadable("a firm's id"))?,
            name: self.name,
            two_factor: two_factor(self.two_factor, self.two_factor_from),
            policy: policy(&self.policy)?,
            epoch: self.epoch,
            break_glass: self.break_glass_until.map(|until| BreakGlass {
                until: Timestamp(until),
                reason,
            }),
        })
    }
}

/// The firm's part of a row of `standing.rs` or `employees.rs`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct FirmPart {
    firm: String,
    firm_name: String,
    two_factor: i64,
    two_factor_from: Option<i64>,
    policy: String,
    firm_epoch: i64,
    break_glass_until: Option<i64>,
}

impl FirmPart {
    pub(super) fn standing(self) -> Result<FirmStanding, DirectoryUnknown> {
        Ok(FirmStanding {
            id: FirmId::parse(&self.firm).map_err(|_| unreadable("a firm's id"))?,
            name: self.firm_name,
            epoch: self.firm_epoch,
            two_factor: two_factor(self.two_factor, self.two_factor_from),
            policy: policy(&self.policy)?,
            break_glass: self.break_glass_until.map(Timestamp),
        })
    }
}

/// Whatever is not 0 is on (I9).
fn two_factor(flag: i64, from: Option<i64>) -> TwoFactor {
    TwoFactor {
        enabled: flag != 0,
        from: from.map(Timestamp),
    }
}

fn policy(text: &str) -> Result<Policy, DirectoryUnknown> {
    serde_json::from_str(text).map_err(|_| unreadable("a firm's policy"))
}
