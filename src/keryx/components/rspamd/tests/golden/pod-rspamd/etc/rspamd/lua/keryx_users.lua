-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- What users have set for themselves: the score from which mail goes to Junk, senders that are let in
-- or taken for spam. For mail from outside to one recipient; a message to several is judged by the
-- site's rules, for all of them alike.
--
-- The map has a line for each address: "alice@example.org {"threshold":4,"allow":["@good.example"]}".
-- Rspamd looks at the file by itself and takes up what changed.

local lua_util = require 'lua_util'
local rspamd_logger = require 'rspamd_logger'
local ucl = require 'ucl'

local N = 'keryx_users'
local options = rspamd_config:get_all_opt('keryx')
local map = rspamd_config:add_map({
  url = 'file://' .. options.users,
  type = 'map',
  description = 'spam settings of users',
})
if not map then
  rspamd_logger.errx(rspamd_config, '%s: cannot watch %s', N, options.users)
  return
end

-- What the only recipient has set, or nil.
local function wishes(task)
  local recipients = task:get_recipients('smtp') or { }
  if task:get_user() or task:get_settings() or #recipients ~= 1 then
    return nil
  end
  local address = (recipients[1].addr or ''):lower()
  local name, domain = address:match('^([^+@]+)%+[^@]*(@.+)$')
  local text = map:get_key(address) or (name and map:get_key(name .. domain))
  if not text then
    return nil
  end
  local parser = ucl.parser()
  local good, problem = parser:parse_string(text)
  if not good then
    rspamd_logger.errx(task, '%s: bad line for %s: %s', N, address, problem)
    return nil
  end
  return parser:get_object()
end

-- Whether the sender (RFC 5322 From) is in a list of addresses and @domains.
local function listed(task, list)
  if not list then
    return false
  end
  local senders = task:get_from('mime') or { }
  for _, sender in ipairs(senders) do
    local address = (sender.addr or ''):lower()
    local domain = address:match('@.+$')
    for _, item in ipairs(list) do
      if item == address or item == domain then
        return true
      end
    end
  end
  return false
end

local id = rspamd_config:register_symbol({
  name = 'KERYX_USERS',
  type = 'prefilter',
  -- After the settings module, which knows logins and our own bounces.
  priority = lua_util.symbols_priorities.high,
  flags = 'empty,nostat,explicit_disable,ignore_passthrough',
  callback = function(task)
    local found = wishes(task)
    if not found then
      return
    end
    task:cache_set(N, found)
    if found.threshold then
      local actions = { ['add header'] = found.threshold }
      -- Greylisting ends below the threshold: what goes to Junk need not come twice.
      if found.threshold <= 4.0 then
        actions['greylist'] = ucl.null
      end
      task:set_settings({ actions = actions })
    end
  end,
})

rspamd_config:register_symbol({
  name = 'KERYX_USERS_LISTS',
  type = 'postfilter',
  priority = lua_util.symbols_priorities.low,
  flags = 'empty,nostat',
  callback = function(task)
    local found = task:cache_get(N)
    if not found then
      return
    end
    local score = task:get_metric_score('default')[1]
    local limit = found.threshold or 6.0
    if listed(task, found.block) then
      -- To Junk, where it can be found again; what else would be refused still is.
      if score < limit then
        task:insert_result('KERYX_USER_BLOCK', limit - score + 0.1)
      end
    elseif listed(task, found.allow) then
      -- Whose domain says that the message is forged is not let in by that name.
      if not task:has_symbol('DMARC_POLICY_REJECT') and not task:has_symbol('DMARC_POLICY_QUARANTINE') then
        if score > 0 then
          task:insert_result('KERYX_USER_ALLOW', -score)
        end
      end
    end
  end,
})

for _, name in ipairs({ 'KERYX_USER_ALLOW', 'KERYX_USER_BLOCK' }) do
  rspamd_config:register_symbol({ name = name, type = 'virtual', parent = id, score = 1.0, group = 'keryx' })
end
