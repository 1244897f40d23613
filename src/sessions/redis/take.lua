-- ARGV: now, window, count, event. False: counted; else when the event that has to leave was.
local now, window, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- What was counted has happened: after a clock was set back, it was now at the latest.
for _, event in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')) do
  redis.call('ZADD', KEYS[1], ARGV[1], event)
end
local first = '(' .. string.format('%.0f', now - window)
if redis.call('ZCOUNT', KEYS[1], first, '+inf') < count then
  -- Adding stands first: a full Redis refuses it only as long as the script has not written anything.
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
  keep_for(window)
  return false
end
if count == 0 then
  return ARGV[1]
end
-- So many of the newest must be left that one more fits: the first of them leaves last.
return redis.call('ZRANGE', KEYS[1], -count, -count, 'WITHSCORES')[2]
