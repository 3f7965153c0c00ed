-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- A login may write only its own addresses into From and its relatives (RFC 5322, 3.6.2, 3.6.6).
--
-- Dovecot knows whose address it is: a user lookup (auth-userdb protocol) of an account's address
-- or alias names the account. One connection asks about the login and all addresses at once.
-- Somebody else's address: refused (554). A lookup that fails: deferred (451), never let through.

local lua_util = require 'lua_util'
local rspamd_logger = require 'rspamd_logger'
local rspamd_tcp = require 'rspamd_tcp'
local rspamd_util = require 'rspamd_util'

local N = 'keryx_header_from'
local options = rspamd_config:get_all_opt('keryx')
local fields = { 'From', 'Sender', 'Resent-From', 'Resent-Sender' }
local timeout = 5.0

local function reject(task, message)
  rspamd_logger.warnx(task, 'login %s: %s', task:get_user(), message)
  task:set_pre_result('reject', message, N)
end

local function defer(task, reason)
  rspamd_logger.errx(task, 'cannot ask %s whose addresses these are: %s', options.userdb, reason)
  task:set_pre_result('soft reject', 'The From address cannot be checked now, try again later', N)
end

-- Every address in the fields, each once; nil and the field's name when a field has text but no
-- address, or characters that would break the lookup.
local function addresses(task)
  local found, seen = { }, { }
  for _, name in ipairs(fields) do
    for _, header in ipairs(task:get_header_full(name) or { }) do
      local parsed = rspamd_util.parse_mail_address(header.value or '', task:get_mempool()) or { }
      if #parsed == 0 then
        return nil, name
      end
      for _, item in ipairs(parsed) do
        local address = (item.addr or ''):lower()
        if not address:match('^[^%c%s]+@[^%c%s]+$') then
          return nil, name
        end
        if not seen[address] then
          seen[address] = true
          table.insert(found, { address = address, field = name })
        end
      end
    end
  end
  return found
end

-- "alice+lists@example.org" is alice@example.org, as at delivery.
local function without_extension(address)
  local name, domain = address:match('^([^+@]+)%+[^@]*(@.+)$')
  return name and name .. domain
end

-- Ask about `names`; `done(answers)` gets for each name {user=, fields=} or false for an unknown
-- one. `failed(reason)` is called instead when the answer is not to be had.
local function lookup(task, names, done, failed)
  local request = { 'VERSION\t1\t1\n' }
  for number, name in ipairs(names) do
    table.insert(request, string.format('USER\t%d\t%s\tservice=keryx\n', number, name))
  end
  local answers, missing, buffer, finished = { }, #names, '', false

  -- The connection ends by itself when nothing more is asked of it; to close it within its own
  -- callback makes Rspamd 3.4 abort.
  local function finish(reason)
    if finished then
      return
    end
    finished = true
    if reason then
      failed(reason)
    else
      done(answers)
    end
  end

  local function take(line)
    local parts = lua_util.str_split(line, '\t')
    local verb, number = parts[1], tonumber(parts[2])
    if verb ~= 'USER' and verb ~= 'NOTFOUND' and verb ~= 'FAIL' then
      return nil
    end
    local name = number and names[number]
    if verb == 'FAIL' or not name then
      return 'it says "' .. line .. '"'
    end
    if answers[name] == nil then
      missing = missing - 1
    end
    answers[name] = false
    if verb == 'USER' then
      local extra = { }
      for position = 4, #parts do
        local field, value = parts[position]:match('^([^=]+)=?(.*)$')
        if field then
          extra[field:lower()] = value
        end
      end
      answers[name] = { user = (parts[3] or ''):lower(), fields = extra }
    end
    return nil
  end

  local function received(err, data, connection)
    if finished then
      return
    end
    if err then
      return finish(err)
    end
    buffer = buffer .. tostring(data)
    while missing > 0 do
      local line, rest = buffer:match('^([^\n]*)\n(.*)$')
      if not line then
        break
      end
      buffer = rest
      local reason = take(line)
      if reason then
        return finish(reason)
      end
    end
    if missing == 0 then
      return finish()
    end
    connection:add_read(received)
  end

  local started = rspamd_tcp.request({
    task = task,
    host = options.userdb,
    port = 0,
    data = table.concat(request),
    timeout = timeout,
    callback = received,
  })
  if not started then
    finish('no connection')
  end
end

local function check(task)
  local login = task:get_user()
  if not login then
    return
  end
  login = login:lower()
  if login:match('[%c%s]') then
    return reject(task, 'The login has characters that cannot be looked up')
  end
  local claimed, bad = addresses(task)
  if not claimed then
    return reject(task, 'The ' .. bad .. ' field holds no address that can be checked')
  end
  if #claimed == 0 then
    return
  end

  local names = { login }
  local asked = { [login] = true }
  local function ask(name)
    if name and not asked[name] then
      asked[name] = true
      table.insert(names, name)
    end
  end
  for _, claim in ipairs(claimed) do
    ask(claim.address)
    ask(without_extension(claim.address))
  end

  lookup(task, names, function(answers)
    local account = answers[login]
    if not account then
      return reject(task, 'The login ' .. login .. ' is not an account')
    end
    if (account.fields.super_user or ''):upper() == 'TRUE' then
      return
    end
    for _, claim in ipairs(claimed) do
      local owner = answers[claim.address] or answers[without_extension(claim.address) or '']
      if not owner or owner.user ~= account.user then
        return reject(task, string.format('The %s address %s does not belong to the login %s',
            claim.field, claim.address, login))
      end
    end
  end, function(reason)
    defer(task, reason)
  end)
end

rspamd_config:register_symbol({
  name = 'KERYX_HEADER_FROM',
  type = 'prefilter',
  -- Before everything else: a refused message need not be scanned or counted.
  priority = 9,
  callback = check,
})
