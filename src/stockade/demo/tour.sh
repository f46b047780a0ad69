# where it is
API=@URL@
# curl, that shows the answer and last its status
call() { curl -s -w '\n%{http_code}\n' "$@"; }
# a call with a body
post() { call "$API$1" -H 'Content-Type: application/json' -d "$2" "${@:3}"; }
# one field of a JSON answer
field() { sed -E 's/.*"'"$1"'": ?"([^"]+)".*/\1/'; }
# a login
login() { post /api/token/ '{"username":"'"$1"'","password":"'"$2"'"}' | head -n 1; }
# 200: anyone reads what is published
call "$API/api/articles/?page_size=1"
# 401: but here somebody has to be somebody
call "$API/api/profile/"
# Alice logs in, and is given two tokens: one to show, one to get the next
PAIR=$(login alice @ALICE@)
ALICE="Authorization: Bearer $(field access <<<"$PAIR")"; REFRESH=$(field refresh <<<"$PAIR")
# 200: now the server knows her
call "$API/api/profile/" -H "$ALICE"
# 201: an Editor writes
post /api/articles/ '{"title":"Mine","body":"By Alice."}' -H "$ALICE"
# 400: in no name but her own
post /api/articles/ '{"title":"His","body":"By Bob?","author":"bob"}' -H "$ALICE"
# Bob logs in; he has drafts
BOB="Authorization: Bearer $(login bob @BOB@ | field access)"
DRAFT=$(curl -s "$API/api/articles/?author=bob&published=false&page_size=1" -H "$BOB" | field id)
# 200: which he reads
call "$API/api/articles/$DRAFT/" -H "$BOB"
# 404: for Alice they do not exist
call "$API/api/articles/$DRAFT/" -H "$ALICE"
# 0: not in the count of a filtered list either
curl -s "$API/api/articles/?author=bob&published=false" -H "$ALICE" | sed -E 's/.*"count": ?([0-9]+).*/\1/'; echo
# 404: and nobody can delete what is not there
call -X DELETE "$API/api/articles/$DRAFT/" -H "$ALICE"
# 401: a token without its signature
call "$API/api/profile/" -H "${ALICE%.*}."
# 401: a token that claims to need none
call "$API/api/profile/" -H "Authorization: Bearer $(printf '{"alg":"none"}' | base64).$(cut -d. -f2 <<<"$ALICE")."
# 400: a good token in the address, where logs would keep it
call "$API/api/profile/?access_token=${ALICE##* }"
# 400: two credentials at once
call "$API/api/profile/" -H "$ALICE" -H "$BOB"
# 401 401 401 401 401 429 429: guess a password
WHO=mallory$RANDOM; for i in 1 2 3 4 5 6 7; do login $WHO guess$i | sed -E 's/.*"status": ?([0-9]+).*/\1/'; done | paste -sd ' ' -
# 200: all that is hers goes to whoever has just logged in
call "$API/api/profile/export/" -H "$ALICE"
# 401: and not to a token that she has made for a script: it is told which login that takes
call "$API/api/profile/export/" -H "Authorization: Token $(post /api/tokens/ '{"name":"script"}' -H "$ALICE" | head -n 1 | field token)"
# tomorrow her session would be too old as well; her password makes it new
PAIR=$(post /api/token/step-up/ '{"refresh":"'$REFRESH'","password":"@ALICE@"}' | head -n 1); REFRESH=$(field refresh <<<"$PAIR")
# 200: for as long as she has just logged in
call "$API/api/profile/export/" -H "Authorization: Bearer $(field access <<<"$PAIR")"
# 204: Alice logs out
post /api/token/revoke/ '{"refresh":"'$REFRESH'"}'
# 401: and her access token stops with her session
call "$API/api/profile/" -H "$ALICE"
# Bob logs in from a page: his refresh token is not in the answer, but in a cookie that no script reads
PAGE=(-H "Origin: $API" -H 'X-Stockade-CSRF: 1')
COOKIE=$(post /api/token/browser/ '{"username":"bob","password":"@BOB@"}' "${PAGE[@]}" -D - -o /dev/null | tr -d '\r' | sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p' | paste -sd ';' -)
# 200: the cookie renews his access
post /api/token/browser/refresh/ '{}' "${PAGE[@]}" -H "Cookie: $COOKIE"
# 403: but not for a page of somebody else, whatever the browser sends along
post /api/token/browser/refresh/ '{}' -H 'Origin: https://evil.example' -H 'X-Stockade-CSRF: 1' -H "Cookie: $COOKIE"
# 401: and sent by hand, where a body is expected, the token is worth nothing
post /api/token/refresh/ '{"refresh":"'$(sed -E 's/.*refresh-token=([^;]*).*/\1/' <<<"$COOKIE")'"}'
# Alice logs in by a session: no script reads its cookie, and whatever changes something shows a token besides
JAR=$(post /api/session/login/ '{"username":"alice","password":"@ALICE@"}' -D - -o /dev/null | tr -d '\r' | sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p' | paste -sd ';' -)
CSRF="X-CSRFToken: $(sed -E 's/.*csrftoken=([^;]*).*/\1/' <<<"$JAR")"
# 200: the cookie is hers
call "$API/api/profile/" -H "Cookie: $JAR"
# 201: a page of this site writes by it
post /api/articles/ '{"title":"Mine","body":"By a cookie."}' -H "Cookie: $JAR" -H "$CSRF" -H "Origin: $API"
# 403: but a page of somebody else cannot have her browser write, not even if it got hold of the token
post /api/articles/ '{"title":"Hers","body":"By whom?"}' -H "Cookie: $JAR" -H "$CSRF" -H 'Origin: https://evil.example'
# 403: nor one that has no token
post /api/articles/ '{"title":"Hers","body":"By whom?"}' -H "Cookie: $JAR"
# 204: Alice logs out
post /api/session/logout/ '{}' -H "Cookie: $JAR" -H "$CSRF"
# 401: and whoever has kept the cookie has nothing
call "$API/api/profile/" -H "Cookie: $JAR"
# a machine that nobody logs in sends a message: as GitHub does, it signs the body
MESSAGE='{"zen":"Keep it logically awesome.","at":"'$(date +%s%N)'"}'; MORE=${MESSAGE/zen/Zen}
SIGNED=$(printf %s "$MESSAGE" | @STOCKADE@ webhooks sign github)
# 204: what it has signed is taken
call "$API/api/webhooks/inbound/github/" -d "$MESSAGE" -H @- <<<"$SIGNED"
# 200: sent again it is not taken again; GitHub learns that it was done
call "$API/api/webhooks/inbound/github/" -d "$MESSAGE" -H @- <<<"$SIGNED"
# 409: and under another id, which GitHub does not sign, it is a replay
call "$API/api/webhooks/inbound/github/" -d "$MESSAGE" -H @- <<<"$(sed 's/^\(X-GitHub-Delivery: \).*/\1another/' <<<"$SIGNED")"
# 401: one letter of it is another
call "$API/api/webhooks/inbound/github/" -d "$MORE" -H @- <<<"$SIGNED"
# another company has people and services too, and an issuer, which gives tokens to clients of its own
issued() { curl -s @ISSUER@/token -u "$1" "${@:2}" | field access_token; }
# its portal has logged in somebody whom our operator has linked with Carol, and somebody whom nobody has linked
HERS=(portal:@PORTAL@ -d grant_type=urn:example:grant-type:person -d person=c-1001); LINKED="Authorization: Bearer $(issued "${HERS[@]}")"
# 200: the first is Carol here, within the scopes of the token
call "$API/api/profile/" -H "$LINKED"
# 403: who is no Editor; and the token is for reading
post /api/articles/ '{"title":"Hers","body":"By Carol?"}' -H "$LINKED"
# 401: the second is nobody, though the token is as good
call "$API/api/profile/" -H "Authorization: Bearer $(issued "${HERS[@]/c-1001/c-1002}")"
# 401: and what the issuer gives the first for another API is worth nothing at this one
call "$API/api/profile/" -H "Authorization: Bearer $(issued "${HERS[@]}" -d resource=https://payroll.example)"
# 200: a service of theirs, by a token that it got for itself, is known by its own name, and is no user
call "$API/api/profile/" -H "Authorization: Bearer $(issued reports:@REPORTS@ -d grant_type=client_credentials)"
# an operator takes the link away
@STOCKADE@ issuers unlink partner c-1001
# 401: and the token that was good a moment ago is not, in any worker
call "$API/api/profile/" -H "$LINKED"
# an operator puts it back
@STOCKADE@ issuers link partner c-1001 --user carol
# the next refresh token of Alice is stolen
STOLEN=$(login alice @ALICE@ | field refresh)
# 1: redeemed 8 times at once it goes on as one session
for i in 1 2 3 4 5 6 7 8; do post /api/token/refresh/ '{"refresh":"'$STOLEN'"}' | head -n 1 | field refresh & done | sort -u | grep -c .
# an operator ends the sessions of Bob
@STOCKADE@ sessions end-all --user bob
# 401: and every worker knows
call "$API/api/profile/" -H "$BOB"
