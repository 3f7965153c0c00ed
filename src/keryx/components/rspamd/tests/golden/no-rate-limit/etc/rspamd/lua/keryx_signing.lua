-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Which keys sign a message. Keys are files, <domain>.<selector>.key, looked for when a message
-- needs them: those of a domain just added are used at once, those of a removed one no more.

local rspamd_logger = require 'rspamd_logger'

local options = rspamd_config:get_all_opt('keryx')

-- In the order of the signatures.
local algorithms = { 'rsa', 'ed25519' }

-- The content of a file of that name, nil when there is none.
local function read_file(...)
  local file = io.open(options.keys .. '/' .. table.concat({ ... }, '.'), 'r')
  if not file then
    return nil
  end
  local content = file:read('*a')
  file:close()
  return content:match('^%s*(.-)%s*$')
end

-- A key, nil when there is none. Handed over as content and not as a path: Rspamd remembers keys
-- by path and would go on signing with one that has been replaced.
local function read_key(domain, selector)
  local content = read_file(domain, selector, 'key')
  -- One in 64 begins with a slash, and Rspamd would take it for a path. It skips spaces in base64.
  return content and content:match('^/') and ' ' .. content or content
end

-- The keys of a domain or of the nearest domain above it: mail of a host, such as a bounce from
-- MAILER-DAEMON@mail.example.org, is signed by example.org, which DMARC accepts as aligned.
local function keys_of(name)
  local domain = name:lower()
  -- The name becomes part of a path.
  if not domain:match('^[%w%._-]+$') then
    return nil
  end
  while domain and domain:find('.', 1, true) do
    local found = { }
    for _, algorithm in ipairs(algorithms) do
      local selector = read_file(domain, algorithm, 'selector') or options.selectors[algorithm]
      local content = read_key(domain, selector)
      if content then
        table.insert(found, { domain = domain, selector = selector, rawkey = content, algorithm = algorithm })
      end
    end
    if #found > 0 then
      return found
    end
    domain = domain:match('^[^.]+%.(.+)$')
  end
  return nil
end

local function is_refused(task)
  local refused, action = task:has_pre_result()
  return refused and (action == 'reject' or action == 'soft reject' or action == 'discard')
end

local function is_ours(task)
  -- A message that a Sieve script sends on comes from our own store and says what its author wrote, who
  -- may be anybody, or the script (addheader). Pigeonhole adds this header last.
  if not task:get_user() and task:has_header('X-Sieve-Redirected-From') then
    return false
  end
  local ip = task:get_from_ip()
  return task:get_user() ~= nil or (ip ~= nil and ip:is_valid() and ip:is_local())
end

-- The keys for the header From's domain. That a login may use this From has been checked before
-- (keryx_header_from.lua).
local function keys_of_from(task)
  local from = task:get_from('mime')
  if not from or #from ~= 1 or not from[1].domain then
    return nil
  end
  return keys_of(from[1].domain)
end

-- For dkim_signing: all keys of the sender's domain.
rspamd_plugins.keryx.dkim_keys = function(task)
  if is_refused(task) or not is_ours(task) then
    return false
  end
  local found = keys_of_from(task)
  if not found and task:get_user() then
    rspamd_logger.warnx(task, 'no DKIM key below %s for the domain in From; not signed', options.keys)
  end
  return found or false
end

-- For arc: the RSA key of the domain that received the message, else of the site's first domain.
-- What we sign ourselves needs no seal; what a gateway in our own networks hands in does.
rspamd_plugins.keryx.arc_key = function(task)
  if is_refused(task) or task:get_user() or (is_ours(task) and keys_of_from(task)) then
    return false
  end
  local recipients = task:get_recipients('smtp') or { }
  local found = (recipients[1] and recipients[1].domain and keys_of(recipients[1].domain))
      or keys_of(options.domain)
  -- ARC knows RSA only (RFC 8617, 4.1.1).
  if found and found[1].algorithm == 'rsa' then
    return found[1]
  end
  return false
end
