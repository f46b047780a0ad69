from django.conf import settings
from django.db import migrations

# OAuth clients are registered once for all clinics, and so are the toolkit's tables. The users that its rows belong to
# are in the schemas of the clinics, where a foreign key of the public schema cannot point to.
DROP = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT conname, conrelid::regclass AS place FROM pg_constraint
        WHERE contype = 'f' AND confrelid = 'public.accounts_user'::regclass
            AND conrelid::regclass::text LIKE 'oauth2_provider_%'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.place, found.conname);
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0001_initial"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(DROP, migrations.RunSQL.noop),
    ]
