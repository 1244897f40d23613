//! Users and groups as SCIM's JSON, and back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::filter::member;
use crate::directory::{Firm, Phone, ScimMember, ScimProfile, ScimUser};
use crate::gate::{Login, Role};

/// The schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The id of a user: their folded login, which never changes.
pub fn user_id(login: &Login) -> String {
    URL_SAFE_NO_PAD.encode(login.folded())
}

/// Whose id it is.
pub fn login_of(id: &str) -> Result<Login, ScimError> {
    let bytes = URL_SAFE_NO_PAD.decode(id).map_err(|_| ScimError::not_found())?;
    let text = String::from_utf8(bytes).map_err(|_| ScimError::not_found())?;
    Login::parse(&text).map_err(|_| ScimError::not_found())
}

/// A user. `active` is what the identity provider said; [`shown`] makes of it what holds.
pub fn user(user: &ScimUser, base: &str) -> Value {
    let profile = &user.profile;
    let mut name = Map::new();
    name.insert("formatted".into(), json!(profile.name));
    for (key, value) in [
        ("givenName", &profile.given_name),
        ("familyName", &profile.family_name),
    ] {
        if let Some(value) = value {
            name.insert(key.into(), json!(value));
        }
    }
    let id = user_id(&user.login);
    let mut resource = json!({
        "schemas": [USER],
        "id": id,
        "userName": user.login.as_str(),
        "name": name,
        "displayName": profile.name,
        "active": profile.active,
        "roles": [{"value": profile.role.as_str(), "primary": true}],
        "meta": {"resourceType": "User", "location": format!("{base}/Users/{id}")},
    });
    if let Some(external_id) = &profile.external_id {
        resource["externalId"] = json!(external_id);
    }
    if let Some(email) = &profile.email {
        resource["emails"] = json!([{"value": email, "type": "work", "primary": true}]);
    }
    if let Some(phone) = &profile.phone {
        resource["phoneNumbers"] = json!([{"value": phone.e164(), "type": "mobile", "primary": true}]);
    }
    if let Some((firm, name)) = &user.firm {
        let at = format!("{base}/Groups/{firm}");
        resource["groups"] = json!([{"value": firm, "display": name, "$ref": at, "type": "direct"}]);
    }
    resource
}

/// A user as others see them: who waits for a firm is not active.
pub fn shown(person: &ScimUser, base: &str) -> Value {
    let mut resource = user(person, base);
    if person.firm.is_none() {
        resource["active"] = json!(false);
    }
    resource
}

/// What a user's JSON says: the login, and what is known of them. Attributes that doorstep does not keep are
/// left aside.
pub fn read_user(resource: &Value) -> Result<(Login, ScimProfile), ScimError> {
    let wrong = |what: &str| ScimError::unfit("invalidValue", what.to_owned());
    let text = |value: Option<&Value>, what: &str| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong(&format!("{what} is a text"))),
    };
    let user_name = text(member(resource, "userName"), "userName")?;
    let user_name = user_name.ok_or_else(|| wrong("userName is required"))?;
    let login = Login::parse(&user_name).map_err(|why| wrong(&format!("userName: {why}")))?;
    let name = member(resource, "name").filter(|name| !name.is_null());
    if name.is_some_and(|name| !name.is_object()) {
        return Err(wrong("name is an object"));
    }
    let part = |key: &str| text(name.and_then(|name| member(name, key)), key);
    let (given_name, family_name) = (part("givenName")?, part("familyName")?);
    let parts: Vec<&str> = [given_name.as_deref(), family_name.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let joined = Some(parts.join(" ")).filter(|joined| !joined.is_empty());
    let whole = match text(member(resource, "displayName"), "displayName")? {
        Some(whole) => Some(whole),
        None => part("formatted")?.or(joined),
    };
    let profile = ScimProfile {
        name: whole.unwrap_or_else(|| login.as_str().to_owned()),
        given_name,
        family_name,
        external_id: text(member(resource, "externalId"), "externalId")?,
        phone: phone(resource)?,
        email: email(resource)?,
        role: role(resource)?,
        active: truth(member(resource, "active"))?,
    };
    Ok((login, profile))
}

/// Truth values, as text too.
fn truth(value: Option<&Value>) -> Result<bool, ScimError> {
    match value {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(ScimError::unfit("invalidValue", "active is true or false")),
    }
}

/// The value that counts of several: the primary one, else one of this type, else the first.
fn chosen<'a>(resource: &'a Value, name: &str, kind: &str) -> Result<Option<&'a str>, ScimError> {
    let unfit = || {
        ScimError::unfit(
            "invalidValue",
            format!("{name} is a list of objects with a value"),
        )
    };
    let items = match member(resource, name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(unfit()),
    };
    let mut best: Option<(u8, &str)> = None;
    for item in items {
        let value = match (item, member(item, "value")) {
            (Value::String(value), _) | (_, Some(Value::String(value))) => value.trim(),
            (_, None | Some(Value::Null)) if item.is_object() => continue,
            _ => return Err(unfit()),
        };
        let is = |key: &str, wanted: &Value| member(item, key) == Some(wanted);
        let rank = if is("type", &json!(kind)) {
            2
        } else {
            u8::from(is("primary", &json!(true)))
        };
        if !value.is_empty() && best.is_none_or(|(have, _)| rank > have) {
            best = Some((rank, value));
        }
    }
    Ok(best.map(|(_, value)| value))
}

fn phone(resource: &Value) -> Result<Option<Phone>, ScimError> {
    let number = chosen(resource, "phoneNumbers", "mobile")?;
    number
        .map(|number| {
            let number = number.strip_prefix("tel:").unwrap_or(number);
            Phone::parse(number, None)
                .map_err(|why| ScimError::unfit("invalidValue", format!("the phone number {why}")))
        })
        .transpose()
}

fn email(resource: &Value) -> Result<Option<String>, ScimError> {
    let address = chosen(resource, "emails", "work")?;
    address
        .map(|address| {
            crate::ops::employees::address(address)
                .map_err(|_| ScimError::unfit("invalidValue", "an e-mail address does not fit"))
        })
        .transpose()
}

/// No role is `tech`; a role that doorstep does not know is refused, not taken for the least.
fn role(resource: &Value) -> Result<Role, ScimError> {
    match chosen(resource, "roles", "")? {
        None => Ok(Role::Tech),
        Some(word) if word.eq_ignore_ascii_case("tech") => Ok(Role::Tech),
        Some(word) if word.eq_ignore_ascii_case("admin") => Ok(Role::Admin),
        Some(_) => Err(ScimError::unfit("invalidValue", "a role is tech or admin")),
    }
}

/// A group, with its members where they are asked for.
pub fn group(firm: &Firm, external_id: Option<&String>, members: Option<&[ScimMember]>, base: &str) -> Value {
    let id = firm.id.as_str();
    let mut resource = json!({
        "schemas": [GROUP],
        "id": id,
        "displayName": firm.name,
        "meta": {"resourceType": "Group", "location": format!("{base}/Groups/{id}")},
    });
    if let Some(external_id) = external_id {
        resource["externalId"] = json!(external_id);
    }
    if let Some(members) = members {
        let member = |member: &ScimMember| {
            let id = user_id(&member.login);
            let at = format!("{base}/Users/{id}");
            json!({"value": id, "display": member.name, "type": "User", "$ref": at})
        };
        resource["members"] = Value::Array(members.iter().map(member).collect());
    }
    resource
}
