-- Whoever changes what decides over auth levels, by a page, by hand or by another program: the workers hear of it at
-- their commit, and open connections get their new level at once. The payload is the key in hex; empty: anybody's.

CREATE FUNCTION tell_level() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('levels', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('levels', encode(OLD.pubkey, 'hex'));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('levels', encode(NEW.pubkey, 'hex'));
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER tell_level AFTER INSERT OR UPDATE OR DELETE ON user_pubkeys FOR EACH ROW EXECUTE FUNCTION tell_level();
CREATE TRIGGER tell_level AFTER INSERT OR UPDATE OR DELETE ON trusted_authors FOR EACH ROW EXECUTE FUNCTION tell_level();
CREATE TRIGGER tell_level AFTER INSERT OR UPDATE OR DELETE ON author_subscriptions FOR EACH ROW EXECUTE FUNCTION tell_level();

CREATE TRIGGER tell_levels AFTER TRUNCATE ON user_pubkeys FOR EACH STATEMENT EXECUTE FUNCTION tell_level();
CREATE TRIGGER tell_levels AFTER TRUNCATE ON trusted_authors FOR EACH STATEMENT EXECUTE FUNCTION tell_level();
CREATE TRIGGER tell_levels AFTER TRUNCATE ON author_subscriptions FOR EACH STATEMENT EXECUTE FUNCTION tell_level();

-- Levels end with time, too: whose subscription has lapsed lately.
CREATE INDEX author_subscriptions_lapsing ON author_subscriptions (expires_at);
