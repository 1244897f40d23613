-- ARGV: record, ends, idle, seen, vault, now. 1: kept; 0: the id is taken.
local now = tonumber(ARGV[6])
local replaced = redis.call('HGET', KEYS[1], 'replaced')
if is_live(now) or (replaced and now < tonumber(replaced) + 60000) then
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'version', 1, 'ends', ARGV[2], 'idle', ARGV[3],
  'seen', ARGV[4], 'vault', ARGV[5], 'vault_version', 1)
keep_for(math.min(tonumber(ARGV[2]), tonumber(ARGV[3])) - now)
return 1
