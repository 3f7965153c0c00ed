"""Which parameters of main.cf are Keryx's alone, and which an administrator may set anew."""

from __future__ import annotations

import re

TUNABLE = frozenset(
    {
        "bounce_queue_lifetime",
        "delay_warning_time",
        "lmtp_connection_reuse_time_limit",
        "lmtp_destination_concurrency_limit",
        "lmtp_destination_recipient_limit",
        "maximal_queue_lifetime",
        "notify_classes",
        "queue_minfree",
        "smtp_tls_loglevel",
        "smtpd_banner",
        "smtpd_client_auth_rate_limit",
        "smtpd_tls_loglevel",
        "virtual_alias_expansion_limit",
    }
)
"""Parameters that main.cf sets for comfort or speed; ``postfix.parameters`` may replace them."""

_OWNED = """
    alias_database alias_maps append_dot_mydomain compatibility_level config_directory
    data_directory default_transport disable_vrfy_command enable_long_queue_ids inet_interfaces
    internal_mail_filter_classes
    ldap local_recipient_maps local_transport
    local_transport_maps maillog_file message_size_limit milter_default_action milter_mail_macros
    milter_protocol mydestination mydomain myhostname mynetworks myorigin non_smtpd_milters
    ptr_required
    postscreen_access_list postscreen_cache_map
    postscreen_denylist_action postscreen_dnsbl_action postscreen_dnsbl_sites
    postscreen_dnsbl_threshold postscreen_greet_action postscreen_upstream_proxy_protocol
    proxy_read_maps proxy_write_maps queue_directory quota_policy recipient_canonical_classes recipients
    recipient_canonical_maps recipient_delimiter relay_domains relayhost
    sender_canonical_maps sender_dependent_default_transport_maps
    show_user_unknown_table_name smtp_dns_support_level smtp_sasl_auth_enable
    smtp_sasl_password_maps smtp_sasl_security_options smtp_sasl_tls_security_options
    smtp_sender_dependent_authentication smtp_tls_CAfile smtp_tls_ciphers
    smtp_tls_mandatory_ciphers smtp_tls_mandatory_protocols smtp_tls_policy_maps
    smtp_tls_protocols smtp_tls_security_level smtp_tls_session_cache_database
    smtpd_client_restrictions smtpd_data_restrictions smtpd_delay_reject
    smtpd_end_of_data_restrictions smtpd_forbid_bare_newline
    smtpd_forbid_bare_newline_exclusions smtpd_forbid_unauth_pipelining smtpd_helo_required
    smtpd_helo_restrictions smtpd_milters smtpd_recipient_restrictions smtpd_relay_restrictions
    smtpd_reject_unlisted_recipient
    smtpd_sasl_auth_enable smtpd_sasl_path smtpd_sasl_security_options
    smtpd_sasl_tls_security_options smtpd_sasl_type smtpd_sender_login_maps
    smtpd_sender_restrictions smtpd_tls_CAfile smtpd_tls_auth_only smtpd_tls_chain_files
    smtpd_tls_ciphers smtpd_tls_mandatory_ciphers smtpd_tls_mandatory_protocols
    smtpd_tls_protocols smtpd_tls_security_level smtputf8_enable account srs_null_sender
    strict_rfc821_envelopes submission_client_restrictions submission_sender_restrictions
    tls_preempt_cipherlist tls_ssl_options transport_maps virtual_alias_domains virtual_alias_maps
    virtual_mailbox_domains virtual_mailbox_maps virtual_transport
    command_directory daemon_directory meta_directory shlib_directory mail_owner setgid_group
    import_environment export_environment alternate_config_directories multi_instance_enable
    smtpd_authorized_xclient_hosts smtpd_authorized_xforward_hosts mynetworks_style
    smtpd_sasl_exceptions_networks smtpd_relay_before_recipient_restrictions
    smtpd_upstream_proxy_protocol stress authorized_submit_users receive_override_options
    smtpd_milter_maps smtpd_restriction_classes
"""
OWNED = frozenset(_OWNED.split())
"""Parameters on which the promises of the suite stand: who may relay, what is filtered, where
things are. main.cf sets most of them; the last lines are of a kind that it must never set."""

_KINDS = (
    (r"[0-9]+", r"[0-9]+", "a number"),
    (r"[0-9]+[smhdw]", r"[0-9]+[smhdw]?", "a time"),
    (r"yes|no", r"yes|no", "yes or no"),
)
"""A parameter's kind as its default shows it: default, possible values, what they are called."""
_WORDS = re.compile(r".*(_feedback|_loglevel)|(readme|html)_directory|lmtp_tcp_port|maillog_file_permissions")
"""Parameters that take words, whatever their defaults look like."""

_FROM_ONE = """
    address_verify_negative_expire_time address_verify_negative_refresh_time
    address_verify_pending_request_limit address_verify_poll_count address_verify_poll_delay
    address_verify_positive_expire_time address_verify_positive_refresh_time anvil_rate_time_unit
    anvil_status_update_time application_event_drain_time berkeley_db_create_buffer_size
    berkeley_db_read_buffer_size bounce_size_limit command_time_limit connection_cache_protocol_timeout
    connection_cache_status_update_time connection_cache_ttl_limit daemon_timeout debug_peer_level
    default_process_limit default_recipient_refill_delay default_recipient_refill_limit
    deliver_lock_attempts deliver_lock_delay fast_flush_purge_time fast_flush_refresh_time fork_attempts
    fork_delay hash_queue_depth header_address_token_limit header_size_limit hopcount_limit
    initial_destination_concurrency ipc_idle ipc_timeout ipc_ttl line_length_limit lmdb_map_size
    lmtp_connection_cache_time_limit lmtp_connection_reuse_time_limit lmtp_data_done_timeout
    lmtp_data_init_timeout lmtp_data_xfer_timeout lmtp_lhlo_timeout lmtp_mail_timeout lmtp_min_data_rate
    lmtp_pix_workaround_delay_time lmtp_quit_timeout lmtp_rcpt_timeout lmtp_rset_timeout
    lmtp_starttls_timeout lmtp_xforward_timeout max_idle max_use maximal_backoff_time
    milter_command_timeout milter_connect_timeout milter_content_timeout mime_boundary_length_limit
    mime_nesting_limit minimal_backoff_time postlogd_watchdog_timeout postscreen_bare_newline_ttl
    postscreen_cache_retention_time postscreen_command_count_limit postscreen_command_time_limit
    postscreen_dnsbl_max_ttl postscreen_dnsbl_min_ttl postscreen_dnsbl_timeout postscreen_greet_ttl
    postscreen_greet_wait postscreen_non_smtp_command_ttl postscreen_pipelining_ttl
    postscreen_post_queue_limit postscreen_pre_queue_limit postscreen_upstream_proxy_timeout
    postscreen_watchdog_timeout qmgr_daemon_timeout qmgr_fudge_factor qmgr_ipc_timeout
    qmgr_message_active_limit qmgr_message_recipient_limit qmgr_message_recipient_minimum qmqpd_timeout
    queue_file_attribute_count_limit queue_run_delay service_throttle_time
    smtp_connection_cache_time_limit smtp_connection_reuse_time_limit smtp_data_done_timeout
    smtp_data_init_timeout smtp_data_xfer_timeout smtp_helo_timeout smtp_mail_timeout smtp_min_data_rate
    smtp_pix_workaround_delay_time smtp_quit_timeout smtp_rcpt_timeout smtp_rset_timeout
    smtp_starttls_timeout smtp_xforward_timeout smtpd_hard_error_limit smtpd_history_flush_threshold
    smtpd_junk_command_limit smtpd_min_data_rate smtpd_policy_service_max_idle
    smtpd_policy_service_max_ttl smtpd_policy_service_retry_delay smtpd_policy_service_timeout
    smtpd_policy_service_try_limit smtpd_proxy_timeout smtpd_recipient_limit
    smtpd_recipient_overshoot_limit smtpd_soft_error_limit smtpd_starttls_timeout smtpd_timeout
    smtpd_upstream_proxy_timeout socketmap_max_reply_size stale_lock_time tls_daemon_random_bytes
    tls_random_bytes tls_random_prng_update_period tls_random_reseed_period tlsproxy_watchdog_timeout
    transport_retry_time trigger_timeout virtual_alias_address_length_limit
    virtual_alias_expansion_limit virtual_alias_recursion_limit virtual_minimum_uid
"""
_POSITIVE = frozenset(_FROM_ONE.split())
"""Parameters of which Postfix 3.7 to 3.10 take no 0 (the least values in its daemons' own tables).
Of others 0 often means no limit."""
_OF_TRANSPORTS = ("_initial_destination_concurrency", "_recipient_refill_limit", "_recipient_refill_delay")
"""How those end that a transport may have for itself and that take no 0 either."""
_LARGEST = 2**31 - 1
_LARGE = frozenset({"lmdb_map_size", "mailbox_size_limit", "queue_minfree", "virtual_mailbox_limit"})
"""Parameters that Postfix keeps in 64 bits, not in 32 as the others."""

_LINE = re.compile(r"^([a-z][A-Za-z0-9_]*) *=", re.MULTILINE)


def names(text: str) -> set[str]:
    """Return the names that a main.cf sets."""
    return set(_LINE.findall(text))


def without(text: str, replaced: set[str]) -> str:
    """Return a main.cf without the lines (and continuation lines) that set these names."""
    kept, dropping = [], False
    for line in text.splitlines(keepends=True):
        if not line[:1].isspace():
            match = _LINE.match(line)
            dropping = bool(match and match.group(1) in replaced)
        if not dropping:
            kept.append(line)
    return "".join(kept)


def unfit(name: str, value: str, default: str) -> str | None:
    """Return what is wrong with a value, both with their ``$names`` expanded; None: nothing that shows.

    Postfix looks at it when a daemon starts: one that cannot read a value ends, again and again,
    while the others go on taking mail.
    """
    if _WORDS.fullmatch(name):
        return None
    for looks, fits, kind in _KINDS:
        if re.fullmatch(looks, default):
            if not re.fullmatch(fits, value, re.IGNORECASE):
                return f'{name}: "{value}" is not {kind}; Postfix\' own is {default}.'
            return _out_of_range(name, value, default)
    return None


def _out_of_range(name: str, value: str, default: str) -> str | None:
    number = value.rstrip("smhdwSMHDW")
    if not number.isdigit():
        return None
    if int(number) == 0 and (name in _POSITIVE or name.endswith(_OF_TRANSPORTS)):
        return f'{name}: "{value}" is too small; Postfix\' own is {default}.'
    if int(number) > _LARGEST and name not in _LARGE:
        return f'{name}: "{value}" is too large; Postfix\' own is {default}.'
    return None
