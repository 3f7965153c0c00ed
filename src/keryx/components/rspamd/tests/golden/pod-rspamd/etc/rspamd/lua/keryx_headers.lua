-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Header fields that only this server may write: a sender's copies are removed, so that nobody
-- files mail to Junk, or vouches for it, in our name (RFC 8601, 5).

local ours = rspamd_config:get_all_opt('keryx').host:lower()
local always = { 'X-Spam', 'X-Spamd-Bar', 'X-Spam-Level', 'X-Spam-Status' }

-- The authserv-id is the first word of the field, after comments.
local function is_ours(value)
  local id = value:gsub('%b()', ' '):match('^%s*"?([^%s;"]+)')
  return id ~= nil and id:lower() == ours
end

-- For milter_headers: fields to add, fields to remove by their position (0 is all), common data.
rspamd_plugins.keryx.forged_headers = function(task)
  local remove = { }
  for _, name in ipairs(always) do
    if task:get_header(name) then
      remove[name] = 0
    end
  end
  -- The reply to the MTA can name one field of several or all of them. Where somebody writes in
  -- our name, the other ones are not worth keeping either.
  for _, header in ipairs(task:get_header_full('Authentication-Results') or { }) do
    if is_ours(header.decoded or header.value or '') then
      remove['Authentication-Results'] = 0
    end
  end
  return nil, { }, remove, { }
end
