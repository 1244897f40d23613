//! Notices: kept in the directory with the step in the audit that they are about, then sent until they arrive
//! or have been tried often enough.

use std::time::Duration;

use anyhow::Context as _;

use super::{BATCH, LEASE, mail, words};
use crate::access::Doorstep;
use crate::clock::Timestamp;
use crate::config::Notices;
use crate::directory::{AuditEntry, AuditFilter, DueNotice, NewNotice};
use crate::gate::{FirmId, Login};
use crate::providers::{SendError, TokenMessage};

/// How often a notice is tried: over about four hours.
const TRIES: i64 = 10;

/// Makes notices of what is new in the audit. What was there before `[notices]` was is not told.
pub async fn collect(door: &Doorstep) -> anyhow::Result<()> {
    let settings = door.settings.load_full();
    if !is_on(&settings.config.notices) {
        return Ok(());
    }
    let now = door.now();
    let Some(mut lease) = door
        .directory
        .lease("notices", None, now.plus(LEASE), now)
        .await?
    else {
        return Ok(());
    };
    let filter = AuditFilter {
        after: Some(lease.seq),
        limit: Some(BATCH),
        ..AuditFilter::default()
    };
    for entry in door.directory.audit_onwards(&filter).await? {
        let notices = notices_about(door, &entry).await?;
        if !door
            .directory
            .keep_notices(&mut lease, entry.seq, &notices, now)
            .await?
        {
            return Ok(());
        }
    }
    Ok(door.directory.give_back(&lease).await?)
}

fn is_on(notices: &Notices) -> bool {
    notices.smtp.is_some() || notices.sms
}

/// To the employee and to the firm's admins, each once.
async fn notices_about(door: &Doorstep, entry: &AuditEntry) -> anyhow::Result<Vec<NewNotice>> {
    let Some(words) = words::about(entry) else {
        return Ok(Vec::new());
    };
    let employee = entry.login.as_deref().and_then(|login| Login::parse(login).ok());
    let mut to: Vec<Login> = employee.into_iter().collect();
    if let Some(firm) = entry.firm.as_deref().and_then(|firm| FirmId::parse(firm).ok()) {
        for admin in door.directory.admins_of(&firm).await? {
            if !to.contains(&admin) {
                to.push(admin);
            }
        }
    }
    let notice = |to| NewNotice {
        to,
        subject: words.subject.clone(),
        body: words.body.clone(),
    };
    Ok(to.into_iter().map(notice).collect())
}

/// Sends all that is due.
pub async fn send_due(door: &Doorstep) -> anyhow::Result<()> {
    let settings = door.settings.load_full();
    let notices = &settings.config.notices;
    if !is_on(notices) {
        return Ok(());
    }
    loop {
        let now = door.now();
        let Some(notice) = door
            .directory
            .take_notice(now, |attempts| next_try(now, attempts))
            .await?
        else {
            return Ok(());
        };
        match send(door, notices, &notice).await {
            Ok(()) => door.directory.drop_notice(&notice.id).await?,
            Err(why) if notice.attempts + 1 >= TRIES => {
                tracing::error!(notice = %notice.id, %why, "a notice is given up");
                door.directory.drop_notice(&notice.id).await?;
            }
            Err(why) => {
                tracing::warn!(notice = %notice.id, %why, "a notice was not sent, and is tried again")
            }
        }
    }
}

/// 30 s, 1 min, 2 min … 64 min.
fn next_try(now: Timestamp, attempts: i64) -> Timestamp {
    let doubled = u32::try_from(attempts.clamp(0, 7)).unwrap_or(7);
    now.plus(Duration::from_secs(30) * 2_u32.pow(doubled))
}

/// By e-mail, else by SMS. Who is not there any more, or can be reached by neither, is told nothing.
async fn send(door: &Doorstep, notices: &Notices, notice: &DueNotice) -> anyhow::Result<()> {
    let Some(person) = door.directory.employee(&notice.to).await? else {
        return Ok(());
    };
    if let (Some(smtp), Some(email)) = (&notices.smtp, &person.email) {
        return mail::send(smtp, email, &notice.subject, &notice.body).await;
    }
    let sender = door.settings.load().sms.clone().filter(|_| notices.sms);
    if let (Some(sender), Some(phone)) = (sender, person.usable_phone()) {
        let text = format!(
            "{}. If this was not meant to happen, tell your admin.",
            notice.subject
        );
        let message = TokenMessage {
            to: phone,
            token: "",
            text: &text,
        };
        return match sender.send(&message).await {
            // It may have arrived: better once too often than never is not worth a second SMS.
            Ok(()) | Err(SendError::Unanswered(_)) => Ok(()),
            Err(error) => Err(error).context("by SMS"),
        };
    }
    tracing::info!(notice = %notice.id, "nobody is told: neither address nor number");
    Ok(())
}
