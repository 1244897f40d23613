//! Users and groups as SCIM's JSON, and back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::filter::member;
use crate::directory::{Firm, Phone, ScimMember, ScimProfile, ScimSaid, ScimUser};
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

/// A user. `active` is what the identity provider said; [`shown`] makes of it what holds. What it said of names,
/// numbers, addresses and roles is shown as it said it, as long as that holds.
pub fn user(user: &ScimUser, base: &str) -> Value {
    let profile = &user.profile;
    let id = user_id(&user.login);
    let mut resource = json!({
        "schemas": [USER],
        "id": id,
        "userName": user.login.as_str(),
        "active": profile.active,
        "meta": {"resourceType": "User", "location": format!("{base}/Users/{id}")},
    });
    if let Some(external_id) = &profile.external_id {
        resource["externalId"] = json!(external_id);
    }
    if let Some((firm, name)) = &user.firm {
        let at = format!("{base}/Groups/{firm}");
        resource["groups"] = json!([{"value": firm, "display": name, "$ref": at, "type": "direct"}]);
    }
    let spoken = Spoken::of(user);
    for (names, holds) in Spoken::PARTS {
        let said = spoken.as_ref().filter(|spoken| holds(&spoken.profile, profile));
        for name in names {
            let value = match said {
                Some(spoken) => spoken.said.get(name).cloned(),
                None => known(profile, name),
            };
            if let Some(value) = value {
                resource[name] = value;
            }
        }
    }
    resource
}

/// Whether the names are shown as the identity provider said them.
pub fn speaks_of_names(user: &ScimUser) -> bool {
    Spoken::of(user).is_some_and(|spoken| same_names(&spoken.profile, &user.profile))
}

/// Whether two mean the same.
type Alike = fn(&ScimProfile, &ScimProfile) -> bool;

/// What an identity provider said, and what it meant.
struct Spoken {
    said: Value,
    profile: ScimProfile,
}

fn same_names(a: &ScimProfile, b: &ScimProfile) -> bool {
    (&a.name, &a.given_name, &a.family_name) == (&b.name, &b.given_name, &b.family_name)
}

impl Spoken {
    /// What is said together, and whether it means what is known now.
    const PARTS: [(&[&str], Alike); 4] = [
        (&["name", "displayName"], same_names),
        (&["emails"], |a, b| a.email == b.email),
        (&["phoneNumbers"], |a, b| a.phone == b.phone),
        (&["roles"], |a, b| a.role == b.role),
    ];

    fn of(user: &ScimUser) -> Option<Self> {
        let said: Value = serde_json::from_str(user.profile.said.as_ref()?.json()).ok()?;
        let profile = profile(&said, &user.login).ok()?;
        Some(Self { said, profile })
    }
}

/// An attribute as doorstep says it by itself.
fn known(profile: &ScimProfile, name: &str) -> Option<Value> {
    match name {
        "name" => {
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
            Some(Value::Object(name))
        }
        "displayName" => Some(json!(profile.name)),
        "emails" => {
            let one = |email| json!([{"value": email, "type": "work", "primary": true}]);
            profile.email.as_ref().map(one)
        }
        "phoneNumbers" => {
            let one = |phone: &Phone| json!([{"value": phone.e164(), "type": "mobile", "primary": true}]);
            profile.phone.as_ref().map(one)
        }
        "roles" => Some(json!([{"value": profile.role.as_str(), "primary": true}])),
        _ => None,
    }
}

/// A user as others see them: who waits for a firm is not active.
pub fn shown(person: &ScimUser, base: &str) -> Value {
    let mut resource = user(person, base);
    if person.firm.is_none() {
        resource["active"] = json!(false);
    }
    resource
}

/// The longest JSON that is kept as it was said.
const SAID_LIMIT: usize = 8192;

/// What a user's JSON says: the login, and what is known of them. Attributes that doorstep does not keep are
/// left aside.
pub fn read_user(resource: &Value) -> Result<(Login, ScimProfile), ScimError> {
    let user_name = text(member(resource, "userName"), "userName")?;
    let user_name = user_name.ok_or_else(|| wrong("userName is required"))?;
    let login = Login::parse(&user_name).map_err(|why| wrong(&format!("userName: {why}")))?;
    let mut profile = profile(resource, &login)?;
    let said = said(resource)?.to_string();
    profile.said = (said.len() <= SAID_LIMIT).then(|| ScimSaid::new(said));
    Ok((login, profile))
}

fn wrong(what: &str) -> ScimError {
    ScimError::unfit("invalidValue", what.to_owned())
}

fn text(value: Option<&Value>, what: &str) -> Result<Option<String>, ScimError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong(&format!("{what} is a text"))),
    }
}

fn profile(resource: &Value, login: &Login) -> Result<ScimProfile, ScimError> {
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
    let formatted = part("formatted")?;
    let whole = text(member(resource, "displayName"), "displayName")?;
    let whole = whole.or(formatted).or(joined);
    Ok(ScimProfile {
        name: whole.unwrap_or_else(|| login.as_str().to_owned()),
        given_name,
        family_name,
        external_id: text(member(resource, "externalId"), "externalId")?,
        phone: phone(resource)?,
        email: email(resource)?,
        role: role(resource)?,
        active: truth(member(resource, "active"))?,
        said: None,
    })
}

/// The attributes that are kept in the shape in which they are said, and of them the parts that the schema has.
fn said(resource: &Value) -> Result<Value, ScimError> {
    let mut said = Map::new();
    let name = member(resource, "name").map(|name| parts_of(name, &["formatted", "givenName", "familyName"]));
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        said.insert("name".into(), Value::Object(name));
    }
    if let Some(Value::String(name)) = member(resource, "displayName") {
        said.insert("displayName".into(), json!(name));
    }
    for key in ["emails", "phoneNumbers", "roles"] {
        let Some(Value::Array(items)) = member(resource, key) else {
            continue;
        };
        let mut values = Vec::new();
        for item in items {
            let mut value = match item {
                Value::String(value) => Map::from_iter([("value".to_owned(), json!(value))]),
                item => parts_of(item, &["value", "type"]),
            };
            if let Some(primary) = member(item, "primary").filter(|primary| !primary.is_null()) {
                value.insert("primary".into(), json!(truth(Some(primary))?));
            }
            values.push(Value::Object(value));
        }
        let primary = |item: &&Value| item["primary"] == true;
        if values.iter().filter(primary).count() > 1 {
            return Err(wrong(&format!("of {key} one at most is the primary one")));
        }
        if !values.is_empty() {
            said.insert(key.into(), Value::Array(values));
        }
    }
    Ok(Value::Object(said))
}

/// The parts of these names that are texts.
fn parts_of(value: &Value, names: &[&str]) -> Map<String, Value> {
    let part = |name: &&str| {
        let part = member(value, name).filter(|part| part.is_string())?;
        Some(((*name).to_owned(), part.clone()))
    };
    names.iter().filter_map(part).collect()
}

/// Truth values, as text too.
fn truth(value: Option<&Value>) -> Result<bool, ScimError> {
    match value {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(wrong("active and primary are true or false")),
    }
}

/// The value that counts of several: the one of this type, else the primary one, else the first.
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
