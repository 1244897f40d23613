-- ARGV: challenge, kept until, now. 1: kept; 0: the id is taken.
local now = tonumber(ARGV[3])
local kept_until = redis.call('HGET', KEYS[1], 'until')
if kept_until and now < tonumber(kept_until) then
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'challenge', ARGV[1], 'version', 1, 'until', ARGV[2])
keep_for(tonumber(ARGV[2]) - now)
return 1
