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
# 204: Alice logs out
post /api/token/revoke/ '{"refresh":"'$REFRESH'"}'
# 401: and her access token stops with her session
call "$API/api/profile/" -H "$ALICE"
# her next refresh token is stolen
STOLEN=$(login alice @ALICE@ | field refresh)
# 1: redeemed 8 times at once it goes on as one session
for i in 1 2 3 4 5 6 7 8; do post /api/token/refresh/ '{"refresh":"'$STOLEN'"}' | head -n 1 | field refresh & done | sort -u | grep -c .
# an operator ends the sessions of Bob
@STOCKADE@ sessions end-all --user bob
# 401: and every worker knows
call "$API/api/profile/" -H "$BOB"
