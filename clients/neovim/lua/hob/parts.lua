-- Parts of a hint's text. Must stay pure.
local M = {}

-- What "accept the next word" takes: spaces, then letters and digits, or what is neither.
function M.first_word(text)
  return text:match("^%s*[%w_\128-\255]+") or text:match("^%s*[^%w%s]+") or text
end

-- Up to the end of the line; where the hint begins with one, the line after it.
function M.first_line(text)
  return text:match("^\n?[^\n]*")
end

-- What is left after something was typed, or nil where the hint says otherwise.
function M.after_typing(text, typed)
  if text:sub(1, #typed) == typed then
    return text:sub(#typed + 1)
  end
end

return M
