-- ARGV: id, counter, whether to accept another directory.
local known = redis.call('HMGET', KEYS[1], 'id', 'counter')
local rises = known[1] == ARGV[1] and tonumber(known[2]) < tonumber(ARGV[2])
if not known[1] or rises or ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'counter', ARGV[2])
end
return 1
