# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# What the filter calls spam goes to Junk, before the user's own script is asked.
require ["fileinto", "mailbox"];
if header :is "X-Spam" "Yes" {
  fileinto :create "Junk";
  stop;
}
