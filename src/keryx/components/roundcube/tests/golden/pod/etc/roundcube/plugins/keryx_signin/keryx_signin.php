<?php
// Managed by Keryx: change keryx.yaml instead, then run `keryx up`.

/**
 * Who is signed in to Keryx is signed in here.
 *
 * The gateway asks Keryx who a request comes from and hands on the answer as the FastCGI variables
 * KERYX_USER (address) and KERYX_TOKEN (what Dovecot takes as that user's password, for ten
 * minutes). A client cannot set them: its headers arrive as HTTP_... The token is renewed in the
 * session with the requests that come; a password is never kept. Without them (Keryx's own web
 * process is down) the sign-in page of Roundcube is shown and a password opens the session.
 */
class keryx_signin extends rcube_plugin
{
    /** Seconds for which a token is good. */
    private const LIFE = 600;
    /** Seconds after which a session takes over the newer one. */
    private const RENEWAL = 60;

    private $signing_in = false;
    private $was_signed_in = false;

    public function init()
    {
        $this->add_hook('startup', [$this, 'startup']);
        $this->add_hook('authenticate', [$this, 'authenticate']);
        $this->add_hook('login_after', [$this, 'login_after']);
        $this->add_hook('session_destroy', [$this, 'session_destroy']);
        $this->add_hook('logout_after', [$this, 'logout_after']);
        $this->add_hook('storage_connect', [$this, 'storage_connect']);
        $this->add_hook('error_page', [$this, 'error_page']);
    }

    public function startup($args)
    {
        $rcmail = rcmail::get_instance();
        if ($rcmail->output instanceof rcmail_output_html) {
            // Pages would tell the version; no script asks for it.
            $rcmail->output->set_env('rcversion', 0);
        }
        if (!empty($_SESSION['user_id'])) {
            if ($this->stays()) {
                return $args;
            }
            $rcmail->kill_session();
        }
        if ($this->visitor() && $this->may_redirect($args)) {
            $this->signing_in = true;
            $args['task'] = $args['action'] = 'login';
        }
        return $args;
    }

    public function authenticate($args)
    {
        if ($this->signing_in) {
            [$args['user'], $args['pass']] = $this->visitor();
            $args['cookiecheck'] = false;
            $args['valid'] = true;
        }
        return $args;
    }

    public function login_after($args)
    {
        if (!$this->signing_in) {
            return $args;
        }
        $_SESSION['keryx_renewed'] = time();
        // On to where the visitor wanted to go.
        foreach ($_GET as $key => $value) {
            if (is_string($value) && preg_match('/^_[a-z_]+$/', $key) && !in_array($key, ['_err', '_token'])) {
                $args[$key] = $value;
            }
        }
        if (in_array($args['_task'], ['login', 'logout'])) {
            return ['_task' => 'mail'];
        }
        return $args;
    }

    public function session_destroy($args)
    {
        // logout_after comes when the session is gone.
        $this->was_signed_in = !empty($_SESSION['keryx_renewed']);
        return $args;
    }

    public function logout_after($args)
    {
        if ($this->was_signed_in) {
            // Signed in once, signed out once.
            header('Location: /logout');
            exit;
        }
        return $args;
    }

    /** The server's address; and the client's (IMAP ID), against which Dovecot counts failed logins. */
    public function storage_connect($args)
    {
        $args['host'] = rcmail::get_instance()->config->get('keryx_imap_address');
        $args['preauth_ident'] = ['x-originating-ip' => rcube_utils::remote_addr()];
        return $args;
    }

    /** Pages of errors would have the status of a page where all is well. */
    public function error_page($args)
    {
        $code = (int) $args['code'];
        http_response_code($code >= 400 && $code < 500 ? $code : 500);
        return $args;
    }

    /** Return address and token of who is signed in to Keryx, or null. */
    private function visitor()
    {
        $user = $_SERVER['KERYX_USER'] ?? '';
        $token = $_SERVER['KERYX_TOKEN'] ?? '';
        return $user !== '' && $token !== '' ? [$user, $token] : null;
    }

    /** Whether the session that there is may go on; it gets the newer token. */
    private function stays()
    {
        $since = $_SESSION['keryx_renewed'] ?? null;
        $visitor = $this->visitor();
        if (!$visitor) {
            // A session opened by a password goes on; one opened by a token ends with its token.
            return $since === null || time() - $since < self::LIFE;
        }
        [$user, $token] = $visitor;
        if (strcasecmp($_SESSION['username'], $user) !== 0) {
            return false;
        }
        if ($since === null || time() - $since >= self::RENEWAL) {
            $_SESSION['password'] = rcmail::get_instance()->encrypt($token);
            $_SESSION['keryx_renewed'] = time();
        }
        return true;
    }

    /** Whether the request is a page of its own, which may be asked for again after signing in. */
    private function may_redirect($args)
    {
        $rcmail = rcmail::get_instance();
        return $_SERVER['REQUEST_METHOD'] === 'GET' && $args['task'] !== 'logout'
            && !$rcmail->output->ajax_call && !$rcmail->output->get_env('framed');
    }
}
