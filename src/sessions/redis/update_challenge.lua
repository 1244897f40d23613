-- ARGV: challenge, kept until, expected version, now. 1: changed; 0: not.
local now = tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'until', 'version')
if not kept[1] then
  if redis.call('EXISTS', KEYS[1]) == 1 then error('unreadable') end
  return 0
end
if now >= tonumber(kept[1]) or kept[2] ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[1], 'challenge', ARGV[1], 'until', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'version', 1)
keep_for(tonumber(ARGV[2]) - now)
return 1
