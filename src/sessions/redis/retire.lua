-- ARGV: now. What was there; nil where it is not.
if not is_live(tonumber(ARGV[1])) then
  return false
end
local kept = redis.call('HMGET', KEYS[1], 'replaced', 'record', 'version', 'idle', 'seen', 'vault', 'vault_version')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'replaced', ARGV[1])
redis.call('PEXPIRE', KEYS[1], 60000)
return kept
