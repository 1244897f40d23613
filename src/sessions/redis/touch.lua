-- ARGV: seen, idle.
local now = tonumber(ARGV[1])
if not is_live(now) then
  return 0
end
local kept = redis.call('HMGET', KEYS[1], 'ends', 'seen', 'idle')
local seen, idle = ARGV[1], ARGV[2]
if tonumber(kept[2]) > now then seen = kept[2] end
if tonumber(kept[3]) > tonumber(idle) then idle = kept[3] end
redis.call('HSET', KEYS[1], 'seen', seen, 'idle', idle)
keep_for(math.min(tonumber(kept[1]), tonumber(idle)) - now)
return 1
