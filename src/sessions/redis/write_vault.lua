-- ARGV: vault, expected version, now. The new version; 0: another wrote; -1: the session is gone.
if not is_live(tonumber(ARGV[3])) then
  return -1
end
if redis.call('HGET', KEYS[1], 'vault_version') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'vault', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'vault_version', 1)
