-- ARGV: record, ends, idle, seen, expected version, now. 1: changed; 0: not.
local now = tonumber(ARGV[6])
if not is_live(now) then
  return 0
end
local kept = redis.call('HMGET', KEYS[1], 'version', 'seen', 'idle')
if kept[1] ~= ARGV[5] then
  return 0
end
local seen, idle = ARGV[4], ARGV[3]
-- A use that was noted since the caller read the record is not forgotten.
if tonumber(kept[2]) > tonumber(seen) then
  seen, idle = kept[2], kept[3]
end
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'ends', ARGV[2], 'idle', idle, 'seen', seen)
redis.call('HINCRBY', KEYS[1], 'version', 1)
keep_for(math.min(tonumber(ARGV[2]), tonumber(idle)) - now)
return 1
