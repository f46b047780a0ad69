"""Old password hashes inside of Argon2: a stolen table gives no password away, also of those who never log in again."""
