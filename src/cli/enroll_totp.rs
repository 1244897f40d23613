//! `doorstep employee enroll-totp`: a key for an authenticator app, handed over by ops.

use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use zeroize::Zeroizing;

use super::context::{Context, login, ops};
use super::employee::find;
use super::failure::Failure;
use crate::directory::TotpShape;
use crate::gate::Login;
use crate::secret::random_bytes;

/// Whose key, and what it is called.
#[derive(Args)]
pub(super) struct EnrollTotp {
    #[arg(value_parser = login)]
    login: Login,
    /// What the employee will see it called.
    #[arg(long, default_value = "Authenticator app")]
    name: String,
}

impl EnrollTotp {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (config, directory) = context.directory().await?;
        let person = find(&directory, &self.login).await?;
        let login = &person.standing.login;
        let shape = config.factors.totp;
        // 160 bits, as RFC 4226 section 4 (R6) recommends.
        let secret = Zeroizing::new(random_bytes::<20>());
        let uri = otpauth_uri(secret.as_slice(), shape, &config.portal.name, login.as_str())?;
        let code = QrCode::new(uri.as_bytes())
            .map_err(|error| Failure::Refused(format!("no QR code can be made: {error}")))?;
        // No step is used yet, so that the key now on the phone works.
        directory
            .add_totp(
                &ops(),
                login,
                secret.as_slice(),
                shape,
                &self.name,
                -1,
                context.now(),
            )
            .await?;
        if context.screen.json {
            return context.screen.result("", || json!({"uri": uri}));
        }
        // Light on dark: terminals are dark more often than not, and scanners read both.
        let picture = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        context.screen.say(&format!("{uri}\n\n{picture}"))
    }
}

/// The URI that authenticator apps read. A colon separates its parts and cannot stand in them.
fn otpauth_uri(secret: &[u8], shape: TotpShape, issuer: &str, account: &str) -> Result<String, Failure> {
    let refused =
        |error: totp_rs::TotpError| Failure::Refused(format!("no otpauth URI can be made: {error}"));
    totp_rs::Builder::new()
        .with_digits(u8::try_from(shape.digits).unwrap_or(6))
        .with_step_duration(shape.period)
        .with_skew(u16::from(shape.skew))
        .with_secret(secret.to_vec())
        .with_issuer(Some(issuer.replace(':', " ")))
        .with_account_name(account.replace(':', " "))
        .build()
        .map_err(refused)?
        .to_url()
        .map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_says_issuer_account_and_shape() {
        let shape = TotpShape {
            digits: 7,
            period: 20,
            skew: 1,
        };
        let uri = otpauth_uri(&[7; 20], shape, "Example: Portal", "anna:b@corp-a.example").unwrap();
        let read = totp_rs::Totp::from_url(&uri).unwrap();
        assert_eq!(read.issuer(), Some("Example  Portal"));
        assert!(
            uri.starts_with("otpauth://totp/") && uri.contains("digits=7") && uri.contains("period=20"),
            "{uri}"
        );
    }
}
