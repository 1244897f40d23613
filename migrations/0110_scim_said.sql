-- What an identity provider said of a person's names, numbers, addresses and roles, in the shape in which it said it:
-- sealed JSON, shown again as long as it is still true.
ALTER TABLE scim_users ADD COLUMN said TEXT;
