<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.

/**
 * Identities and address book from the directory.
 *
 * At each login the account's addresses (its own and its aliases) become identities where there
 * is none yet, and identities of addresses that it has no longer are removed: mail from them would
 * be refused. Name, signature and the rest are the user's own. Accounts that may use any address
 * may also make any identity. The address book shows the user's own domain only, if so set.
 */
class keryx_directory extends rcube_plugin
{
    private $settings;

    public function init()
    {
        $this->settings = rcmail::get_instance()->config->get('keryx_directory');
        $this->narrow_address_book($_SESSION['username'] ?? '');
        if (!empty($_SESSION['keryx_any_sender'])) {
            rcmail::get_instance()->config->set('identities_level', 0);
        }
        $this->add_hook('user_create', [$this, 'user_create']);
        $this->add_hook('login_after', [$this, 'login_after']);
    }

    /** A first login: the name and the addresses come from the directory. */
    public function user_create($args)
    {
        if ($account = $this->account($args['user'])) {
            $args['user_name'] = $account['name'];
            $args['user_email'] = $account['addresses'][0];
            $args['email_list'] = $account['addresses'];
        }
        return $args;
    }

    public function login_after($args)
    {
        $rcmail = rcmail::get_instance();
        if ($account = $this->account($_SESSION['username'])) {
            $_SESSION['keryx_any_sender'] = $account['any_sender'];
            $this->agree($rcmail->user, $account);
        }
        return $args;
    }

    /** Let the user's identities be those of the account. */
    private function agree($user, $account)
    {
        $present = [];
        foreach ($user->list_identities() as $identity) {
            $present[strtolower($identity['email'])][] = $identity['identity_id'];
        }
        foreach (array_diff($account['addresses'], array_keys($present)) as $address) {
            $user->insert_identity(['name' => $account['name'], 'email' => $address]);
        }
        if ($account['any_sender']) {
            return;
        }
        foreach (array_diff(array_keys($present), $account['addresses']) as $address) {
            foreach ($present[$address] as $id) {
                $user->delete_identity($id);
            }
        }
    }

    /** Return name, addresses (the login name first) and rights, or null when the directory says nothing. */
    private function account($login)
    {
        $wanted = $this->settings;
        $attributes = [$wanted['mail'], $wanted['alias'], $wanted['super_user'], 'cn'];
        $filter = "(&{$wanted['filter']}({$wanted['mail']}=" . ldap_escape($login, '', LDAP_ESCAPE_FILTER) . '))';
        $found = false;
        if ($connection = $this->connection()) {
            $found = @ldap_search($connection, $wanted['base'], $filter, $attributes, 0, 2, $wanted['timeout']);
        }
        if (!$found || !($entry = ldap_first_entry($connection, $found))) {
            $why = $connection ? ldap_error($connection) : 'it does not answer';
            rcube::write_log('errors', "keryx_directory: nothing found about $login: $why");
            return null;
        }
        $values = array_change_key_case(ldap_get_attributes($connection, $entry));
        $all = function ($name) use ($values) {
            $list = $values[strtolower($name)] ?? ['count' => 0];
            unset($list['count']);
            return $list;
        };
        $addresses = array_map('strtolower', array_merge([$login], $all($wanted['mail']), $all($wanted['alias'])));
        return [
            'name' => $all('cn')[0] ?? '',
            'addresses' => array_values(array_unique($addresses)),
            'any_sender' => ($all($wanted['super_user'])[0] ?? '') === 'TRUE',
        ];
    }

    /** Return a connection bound as the reader, or null. */
    private function connection()
    {
        foreach ($this->settings['hosts'] as $host) {
            $starttls = strpos($host, 'tls://') === 0;
            $connection = ldap_connect($starttls ? 'ldap' . substr($host, 3) : $host);
            ldap_set_option($connection, LDAP_OPT_PROTOCOL_VERSION, 3);
            ldap_set_option($connection, LDAP_OPT_REFERRALS, 0);
            ldap_set_option($connection, LDAP_OPT_NETWORK_TIMEOUT, $this->settings['timeout']);
            if ($starttls && !@ldap_start_tls($connection)) {
                continue;
            }
            if (@ldap_bind($connection, $this->settings['bind_dn'], $this->settings['bind_password'])) {
                return $connection;
            }
        }
        return null;
    }

    /** Show of the directory what the user's own domain has. */
    private function narrow_address_book($login)
    {
        if ($this->settings['address_book'] !== 'domain') {
            return;
        }
        $config = rcmail::get_instance()->config;
        $books = $config->get('ldap_public');
        $domain = substr(strrchr($login, '@') ?: '@nobody.invalid', 1);
        $own = "({$this->settings['mail']}=*@" . ldap_escape($domain, '', LDAP_ESCAPE_FILTER) . ')';
        $books['directory']['filter'] = "(&{$books['directory']['filter']}$own)";
        $books['directory']['name'] = $domain;
        $config->set('ldap_public', $books);
    }
}
