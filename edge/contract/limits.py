"""Every limit by name, with its reason. Units stand last in the name."""

from __future__ import annotations

from typing import Final

# --- text and identity -------------------------------------------------------------------
ID_CHARS_MAX: Final = 40
"""Ids of stores, tills, devices, people: short enough for a topic and a label."""
COMMAND_ID_CHARS_MIN: Final = 8
"""Shorter ids collide: a till makes UUIDv7."""
COMMAND_ID_CHARS_MAX: Final = 64
"""A UUID with a prefix fits; an index entry stays small."""
BARCODE_CHARS_MAX: Final = 4096
"""A GS1 Digital Link is long; more is no barcode but a fault."""
NAME_CHARS_MAX: Final = 200
"""A product name; longer ones do not fit on any receipt."""
REASON_CHARS_MAX: Final = 200
"""A reason typed by a person."""

# --- amounts -----------------------------------------------------------------------------
AMOUNT_MINOR_MAX: Final = 999_999_999
"""9,999,999.99 in a two-digit currency: six BCD bytes of a terminal hold more, a shop never."""
QUANTITY_THOUSANDTHS_MAX: Final = 9_999_000
"""9,999 pieces in a line: more is a slipped finger or a scanned number."""
LINES_PER_SALE_MAX: Final = 500
"""A full trolley has about 150; the view of 500 lines is still sent whole."""
SALE_TOTAL_MINOR_MAX: Final = AMOUNT_MINOR_MAX * LINES_PER_SALE_MAX
"""What the lines of a sale can come to; sums of a day's sales stay within 64 bits."""
PARKED_SALES_MAX: Final = 50
"""Parked in one store: every till's view carries them all."""
FOREIGN_RATE_PPM_MAX: Final = 10**12
"""A unit of the dearest currency is under a million of the cheapest."""
TIP_OFFERS_MAX: Final = 4
"""Shares of the total, one key each in a row."""
REFERENCE_CHARS_MAX: Final = 40
"""The number on a gift card, a voucher or an account."""
RECEIPT_CHARS_MAX: Final = 64
"""A receipt's number: a till's id, and a count of any length that a till lives to see."""
RECEIPT_TEXT_CHARS_MAX: Final = 800
"""What a receipt's QR code says: 29 lines of a sale. More is over 58 mm wide, or too fine."""
LOGO_WIDTH_DOTS_MAX: Final = 384
"""What paper of 58 mm prints; it stands in the middle of wider paper."""
LOGO_HEIGHT_DOTS_MAX: Final = 240
"""30 mm of paper on every receipt, and 11.5 kB to the printer: 12 s on a line of 9600 baud."""
FRESH_RECEIPTS_MAX: Final = 128
"""Sales just completed whose receipts are on their way to a printer: two of each of 64 tills."""
TENDERS_PER_SALE_MAX: Final = 20
"""Card payments tried and cash given in one sale."""
CARD_SLIP_LINES_MAX: Final = 100
"""A card receipt of a terminal: 40 lines with all that schemes ask for. Two of the longest, in
any script, fit an event."""
CARD_SLIP_LINE_CHARS_MAX: Final = 48
"""One line of it: paper of 80 mm. Terminals compose 24 to 42."""
TRACKING_CHARS_MAX: Final = 40
"""A serial or lot number: GS1 allows 20 characters, makers print longer ones."""
MINIMUM_AGE_MAX: Final = 99
"""Years that a customer can have to be: two digits on a screen."""

COUPON_CHARS_MAX: Final = 40
"""The code on a coupon, and the name of its campaign: a QR code or a row of bars, still typed."""
COUPONS_PER_SALE_MAX: Final = 20
"""Coupons in one sale, each of another campaign: a leaflet has a dozen."""
CUSTOMER_CHARS_MAX: Final = 40
"""A customer's number, a card's code, a group: a QR code or a row of bars."""
CUSTOMER_CARDS_MAX: Final = 20
"""Cards of one customer, the lost ones too until head office takes them away."""
CUSTOMER_GROUPS_MAX: Final = 20
"""Groups of one customer; they stand in the events of each of their sales."""
CUSTOMERS_FOUND_MAX: Final = 8
"""What one search of customers shows: who is looked for is asked for more, nobody pages."""
CUSTOMER_SEARCH_CHARS_MIN: Final = 2
"""Letters of a name before anybody is shown."""
PRICE_BOOKS_MAX: Final = 12
"""In force and announced: each is looked into for every price that the newer ones lack."""
GROUP_BOOKS_MAX: Final = 200
"""Price books of all customer groups; a customer with own prices is a group, so some firms too."""
BOOKS_SAID_MAX: Final = PRICE_BOOKS_MAX + GROUP_BOOKS_MAX
"""Price books of which a box says what it holds: all that a store can have."""
BOOK_SAID_MS: Final = 86_400_000
"""So long after a price book took effect it is still asked who has it: who was away comes back."""
BOOK_NEAR_MS: Final = 4 * 3_600_000
"""A shop that lacks a book so shortly before it holds is an alarm: people are still there."""
BOOK_CLOCK_OFF_MS_MAX: Final = 60_000
"""A box whose clock is off by more switches its prices at a time that customers notice."""
BOOKS_S_MAX: Final = 60.0
"""Twelve books of 50,000 prices, read on a slow card."""
BOOKS_GATHERED_S: Final = 1.0
"""Between two looks at who lacks a price book: all stores are read for each."""
BOOKS_LOOK_S: Final = 30.0
"""How often head office looks who lacks a price book that takes effect soon."""
BOOK_SHOPS_SHOWN_MAX: Final = 200
"""Shops that lack a price book and are named: a person calls a few; more have one cause."""
PROMOTIONS_MAX: Final = 2_000
"""In force or announced for one store: all are kept in memory and looked through by article."""
PROMOTION_SELECTION_MAX: Final = 1_000
"""SKUs or groups in one selection; more of them are a group of their own."""
PROMOTION_UNITS_MAX: Final = 999
"""Pieces that one promotion counts: three digits, as on a shelf label."""
BUNDLE_PARTS_MAX: Final = 8
"""Parts of a meal deal."""
DISCOUNTS_PER_SALE_MAX: Final = 50
"""Discounts that people give in one sale: one for each line of a full basket."""

# --- web ---------------------------------------------------------------------------------
BODY_BYTES_MAX: Final = 65_536
"""A command is under 1 kB; room for signed frames is given to their own routes."""
FRAME_BODY_BYTES_MAX: Final = 1_048_576
"""A frame of `FRAME_COMPRESSED_BYTES_MAX` with head room, and a feed page."""
JSON_NESTING_MAX: Final = 32
"""Brackets opened in one body; our deepest message opens six."""
HEADER_BYTES_MAX: Final = 8_190
"""aiohttp's own default, named here because the guard relies on it."""
REQUEST_S_MAX: Final = 20.0
"""A body that has not arrived by then will not."""
SOCKETS_PER_ADDRESS_MAX: Final = 64
"""64 tills behind one address in a bench or behind a proxy; a flood is more."""
SOCKETS_FROM_LOOPBACK_MAX: Final = 512
"""The box's own processes, a proxy in front, and benches with 64 tills of several sockets."""
SOCKETS_MAX: Final = 768
"""All addresses together: under the usual 1,024 open files, with room for databases."""
REQUEST_HEAD_S_MAX: Final = 10.0
"""A request line with headers fits one packet: half of one for longer is an attack."""
TLS_HANDSHAKE_S_MAX: Final = 10.0
"""Three round trips; a socket that says nothing is closed by then."""
KEEP_ALIVE_S_MAX: Final = 60.0
"""An idle connection, or an answer that nobody fetches, is closed by then."""
LINGER_S_MAX: Final = 0.5
"""How long the rest of a refused body is read and thrown away."""
HOST_SPELLINGS_MAX: Final = 64
"""Spellings of the box's names (with ports) that the guard remembers as good."""
STATIC_BYTES_MAX: Final = 16 * 1_048_576
"""All screens together are kept in memory; they have under 2 MB."""
METRIC_SERIES_MAX: Final = 512
"""Combinations of label values in one metric; what is beyond is counted as `other`."""
SOCKET_MESSAGE_BYTES_MAX: Final = 65_536
"""What a till may send in one WebSocket message."""
SOCKET_SEND_S_MAX: Final = 5.0
"""A till that does not take its view by then is cut and comes back."""
SOCKET_HEARTBEAT_S: Final = 15.0
"""Half-open connections of a tablet that left the Wi-Fi are found by then."""

WALL_SHOW_MS: Final = 250
"""A device wall is sent again four times a second at most: a live weight is not to flood it."""
WALL_SOCKETS_MAX: Final = 16
"""Device walls open at once; a shop has one technician, and a screen that was left open."""

# --- access ------------------------------------------------------------------------------
PIN_DIGITS_MIN: Final = 4
"""What cashiers put up with; wrong ones are counted below."""
PIN_DIGITS_MAX: Final = 8
"""More are written on a slip of paper and stuck to the till."""
PIN_WRONG_PER_HOUR_MAX: Final = 5
"""Per person and hour."""
PIN_WRONG_PER_TILL_PER_HOUR_MAX: Final = 20
"""Per till and hour: a tablet left alone is no key-cracking bench; other tills go on."""
SESSION_IDLE_S_MAX: Final = 4 * 3600.0
"""A cashier's session that nobody used."""
SESSION_S_MAX: Final = 16 * 3600.0
"""Not longer than the longest shift."""
TECHNICIAN_IDLE_S_MAX: Final = 1_200.0
"""A technician who went to look for a cable is back by then."""
TECHNICIAN_S_MAX: Final = 7_200.0
"""A visit; who stays longer types the PIN again."""
ENROL_CODE_S_MAX: Final = 900.0
"""An enrolment code is read off one screen and typed into another."""
ENROL_TRIES_PER_HOUR_MAX: Final = 20
"""Wrong enrolment codes per address and hour; a code has 40 bits."""
APPROVAL_S_MAX: Final = 60.0
"""From the second person's PIN to the command it was for: they stand at the till."""
APPROVALS_OPEN_MAX: Final = 64
"""Approvals given and not used yet, on one box; the oldest goes."""
STAFF_LIST_AGE_S_MAX: Final = 72 * 3600.0
"""Sign-ins on an older list are marked in the ledger."""

# --- ledger ------------------------------------------------------------------------------
WRITE_QUEUE_MAX: Final = 1_024
"""Callers that wait for one writer; the next is told "busy" at once."""
WRITE_BATCH_MAX: Final = 128
"""Callers answered by one commit: beyond it the fsync is already amortised."""
EVENTS_PER_COMMAND_MAX: Final = 1_000
"""One command never becomes a flood."""
EVENT_BYTES_MAX: Final = 65_536
"""One canonical event."""
PAGE_BYTES: Final = 1_024
"""SQLite page: 19 KiB instead of 41 KiB written per sale of eight rows, measured."""
BALLAST_BYTES: Final = 4 * 1_048_576
"""Deleted when the disk is full, so that what is begun can end."""
DISK_FREE_BYTES_MIN: Final = 32 * 1_048_576
"""Below this no new sale is opened: refused before money moves."""
COMMAND_REPLIES_KEPT: Final = 50_000
"""About a month of one busy till, ids of sales among them: an older repeat is no retry."""
TIMED_REPLY_EVENTS_KEPT: Final = 100_000
"""The same of answers to ids that begin with their time: so many events back."""

# --- bus and devices ---------------------------------------------------------------------
MQTT_PAYLOAD_BYTES_MAX: Final = 262_144
"""A receipt with a raster logo; everything else is under 8 kB."""
MQTT_PACKET_BYTES_MAX: Final = MQTT_PAYLOAD_BYTES_MAX + 65_536
"""The payload with the longest topic the protocol has: what is larger is not even read."""
MQTT_SEND_S_MAX: Final = 5.0
"""A client of the embedded broker that takes nothing for so long is cut; it comes back."""
MQTT_QUEUE_MAX: Final = 10_000
"""Messages received and not yet handled; the oldest scan is worthless by then."""
MQTT_KEEP_ALIVE_S: Final = 10
"""A broker that says nothing for twice as long is gone; it calls us gone after 15 s."""
MQTT_CONNECT_S_MAX: Final = 5.0
"""A broker in the shop that has not let us in by then will not."""
MQTT_ACK_S_MAX: Final = 5.0
"""A broker in the shop that has not acknowledged by then has not got it."""
MQTT_CONNECTIONS_MAX: Final = 64
"""Connections to the embedded broker, those not yet signed in included."""
MQTT_CONNECT_BYTES_MAX: Final = 4_096
"""The first packet of a stranger: names, a password and a last will."""
SUBSCRIPTION_QUEUE_MAX: Final = 2_048
"""Per subscriber inside one process."""
DEVICES_PER_HOST_MAX: Final = 64
"""A shop has a handful on each machine; their flight recorders stay in memory."""
DRIVER_SETTINGS_BYTES_MAX: Final = 4_096
"""The settings of one device, as text in an event: names, numbers, an address."""
DEVICES_PER_STORE_MAX: Final = 256
"""Adopted and fixed: 64 tills of four. The device wall is sent whole."""
HOSTS_PER_STORE_MAX: Final = 32
"""Machines with devices in one shop, as far as they are listened to; a till may be one."""
SCANS_WAITING_MAX: Final = 32
"""Scans of one till that wait for their turn: more than a cashier scans in the age of a scan."""
SCAN_AGE_MS_MAX: Final = 5_000
"""An older scan belongs to the last customer: it is dropped and shown."""
DRAWER_AGE_MS_MAX: Final = 10_000
"""A drawer that opens later opens in nobody's presence."""
DRAWER_OPEN_S: Final = 60
"""A drawer that stands open for longer was forgotten: change is given in less."""
DRAWER_OPEN_S_MAX: Final = 3_600
"""Whoever lets it stand open for longer wants no alarm at all: that is 0."""
DRAWERS_LOOK_S: Final = 1.0
"""How often edge looks which drawers stand open."""
RECEIPT_AGE_MS_MAX: Final = 12 * 3_600_000
"""A receipt waits for paper through the day."""
REPRINT_AGE_MS_MAX: Final = 5 * 60_000
"""A copy or a gift receipt waits for a new roll, not for the next customer."""
FISCAL_ANSWER_MS_MAX: Final = 5_000
"""A security device signs in under a second; one that has not answered by then has failed."""
FISCAL_RECEIPT_WAIT_MS: Final = 2_500
"""A receipt waits so long for its signature: a customer stands there."""
FISCAL_RETRY_MS: Final = 10_000
"""How soon a security device that failed is asked again: until then sales are marked at once."""
FISCAL_QUEUE_MAX: Final = 512
"""Sales that wait for the security device: two wishes each, for every till of a large shop."""
FISCAL_OUTCOMES_KEPT: Final = 256
"""Newest signatures in memory, for receipts on their way; older ones are read from the ledger."""
EMAIL_CHARS_MAX: Final = 254
"""An e-mail address (RFC 5321, 4.5.3.1.3: a path of 256 with its brackets)."""
EMAIL_LOCAL_CHARS_MAX: Final = 64
"""What stands before the @ (RFC 5321, 4.5.3.1.1)."""
EMAIL_LABEL_CHARS_MAX: Final = 63
"""A part of a host name between its dots (RFC 1035, 2.3.4)."""
LETTERS_PER_SALE_MAX: Final = 5
"""Receipts of one sale by e-mail: a wrong address or two, a partner, the office."""
LETTER_SALT_CHARS_MAX: Final = 64
"""256 bits as text have 43."""
LETTER_BYTES_MAX: Final = 524_288
"""A receipt of the longest sale on its way to head office, well within `FRAME_BODY_BYTES_MAX`."""
PRICE_CHECK_S_MAX: Final = 120.0
"""A price check that nobody uses for so long ends: the next scan is a sale's again."""
PAYMENT_AGE_MS_MAX: Final = 30_000
"""A payment that the terminal was not asked for by then is not begun any more."""
DEVICE_TEST_MS_MAX: Final = 15_000
"""How long a technician waits before a device that was asked to show itself did not."""
DEVICE_TESTS_OPEN_MAX: Final = 32
"""Tests under way in one store."""
TERMINAL_DAY_AGE_MS_MAX: Final = 60_000
"""An end of day that the terminal was not asked for by then is not begun: people have gone on."""
TERMINAL_DAY_ANSWER_MS_MAX: Final = 600_000
"""A thousand bookings over a slow line are handed in within minutes; then it is asked about."""
JOB_GRACE_MS: Final = 60_000
"""A job that nobody answered this long after its deadline is recorded as unknown."""
JOB_SWEEP_S: Final = 5.0
"""How often edge looks for such jobs."""
SIDE_JOBS_MAX: Final = 1_024
"""Inquiries whose answers are still heard."""
PAYMENT_ANSWER_MS_MAX: Final = 240_000
"""An authorisation that is not answered by then is asked about: T4 and a minute."""
PAYMENT_QUIET_INQUIRIES: Final = 2
"""Inquiries without any answer before the till says that the payment is in doubt."""
BACKOFF_MS_MIN: Final = 250
"""A cable put back, a broker started again: tried again before anyone looks."""
BACKOFF_MS_MAX: Final = 15_000
"""A device back from a power cut is in use again within this."""
INQUIRY_GAP_MS: Final = 1_000
"""How soon a payment is asked about again behind an answer that decided nothing."""
INQUIRY_EVERY_MS: Final = 5_000
"""How often an unknown payment is asked about."""
RESOLVED_INQUIRY_MS_MAX: Final = 600_000
"""What a person settled is asked about less and less often, down to every ten minutes."""
RESOLVED_WATCH_MS: Final = 30 * 86_400_000
"""What a person settled is not asked about any more after 30 days: that terminal is gone."""
CARD_NUMBERS_LOOKED_BACK: Final = 20_000
"""Events looked through for another payment with a typed number: days of a shop, 0.1 s of reading,
and less than the 10,000 transactions after which ZVT terminals use a number again."""
TERMINAL_RECEIPT_NUMBER_CHARS_MAX: Final = 40
"""A terminal's own number of a receipt: four digits in ZVT, others name it with more."""
TERMINAL_TOTAL_MINOR_MAX: Final = 999_999_999_999
"""A terminal's totals have twelve digits."""
SCALE_WEIGHT_G_MAX: Final = 99_999
"""What a counter scale can write: two digits before the point, three behind it."""
WEIGH_AGE_MS_MAX: Final = 4_000
"""A weighing that has not ended by then is given up: the goods may be somebody else's."""
WEIGH_GRACE_MS: Final = 500
"""How long after it an answer may still be on its way."""
SHOW_LINES_AGE_MS_MAX: Final = 10_000
"""Lines that a display did not take by then are sent again when it is back, as they are then."""
LINE_DISPLAY_RETRY_MS: Final = 2_000
"""A text that was not shown is sent again after this: a host that starts has devices by then."""

# --- replication -------------------------------------------------------------------------
FRAME_RAW_BYTES_TARGET: Final = 262_144
"""Catch-up frames: past this compression gains nothing and a resend costs more."""
FRAME_RAW_BYTES_MAX: Final = 4 * 1_048_576
"""What a receiver unpacks at most."""
FRAME_COMPRESSED_BYTES_MAX: Final = 524_288
"""What a receiver takes at most."""
FRAME_EVENTS_MAX: Final = 65_535
"""The count is two bytes."""
FRAMES_IN_FLIGHT_MAX: Final = 8
"""Hides a round trip and a commit of `FRAMES_PER_COMMIT_MAX`: about 200 kB on the line."""
FRAMES_PER_COMMIT_MAX: Final = 4
"""Half of what may be in flight: the box makes the others while these become durable."""
FEED_ITEMS_PER_PAGE: Final = 1_000
"""A page of a feed: applied in one transaction well under a second."""
FEED_ITEM_BYTES_MAX: Final = 65_536
"""One value of a feed: a store's profile with all its taxes and templates has under 8 kB."""
FEED_PAGE_BYTES_MAX: Final = 786_432
"""The items of a page, so that it fits `FRAME_BODY_BYTES_MAX` with names and cursors around."""
FEED_BYTES_AHEAD_MIN: Final = 8_192
"""Feeds under way to a box on a slow line: a second of 64 kbit/s that what is urgent waits for."""
FEED_BYTES_AHEAD_FIRST: Final = 4 * FEED_BYTES_AHEAD_MIN
"""The same before it is known how fast a line is."""
FEED_PAGE_QUICK_MS: Final = 1_000
"""A page taken sooner lets the next be twice as large; one that took twice as long, half."""
FEED_TAKEN_MS_MAX: Final = 30_000
"""A page not taken by then was refused or lost: it is sent again with the next change."""
PLACE_MAX: Final = 2**53 - 1
"""Seqs, generations and cursors that a message names: what every JSON reader can hold."""
FEED_CURSOR_AHEAD_MAX: Final = 1_000_000_000
"""A box has seen at most so many changes that a restored head office forgot: years of them."""
FEED_VERSION_AHEAD_MS_MAX: Final = 10 * 365 * 86_400_000
"""A head office whose clock was ahead by more signed nothing that its boxes took."""
HISTORY_HEADER_BYTES_MAX: Final = 131_072
"""The header of a carried history: a thousand generations of a store."""
DIGEST_ARTICLES_MAX: Final = 5_000
"""Articles that a digest names, so that it is a quarter of `FRAME_BODY_BYTES_MAX` at most."""
DIGEST_TAKINGS_MAX: Final = 2_000
"""Sums of a digest: four kinds of tenders in one currency on each day of a year, and room."""
DIGEST_S_MAX: Final = 10.0
"""A digest that takes longer is left out: the frames say the same, later."""
FEED_REASON_CHARS_MAX: Final = 400
"""Why a box refuses an item, as head office keeps it: two sentences."""
SESSION_HELLO_S_MAX: Final = 10.0
"""A box that has not proved who it is by then is no box."""
SESSION_FRAMES_QUEUED_MAX: Final = 4 * FRAMES_IN_FLIGHT_MAX
"""Frames of one session not yet looked at: what was in flight, and again after a rewind."""
SESSIONS_GREETING_MAX: Final = 1_024
"""Lines of boxes that have not proved yet who they are; the next is told to come again."""
ADMISSIONS_AT_ONCE_MAX: Final = 8
"""Boxes whose history is compared at once: what those inside send waits behind so many at most."""
FEED_SEARCHES_AT_ONCE_MAX: Final = 4
"""Sessions whose feeds are looked through at once, when one change wakes them all."""
BOX_KEYS_GATHERED_S: Final = 5.0
"""New keys of boxes go down together: a thousand boxes that come at once are no million pages."""
UPLOAD_TAIL_EVENTS_MAX: Final = 500
"""A box so far behind counts as in step: its tail is half a frame, and sent at once."""
UPLOAD_SLICE_FRAMES: Final = 32
"""Frames a backlog may send in its turn: a day of a large shop; weeks take several turns."""
UPLOADS_AT_ONCE_MAX: Final = 4
"""Backlogs that have their turn: one alone keeps an office busy, the others hide its line."""
UPLOAD_QUIET_MS: Final = 1_000
"""A turn of which so long nothing came, on a slow line, keeps nobody else from his."""
UPLOAD_LOOK_S: Final = 0.25
"""How often is looked for turns that became quiet, while others wait."""
UPLOAD_LAG_BYTES_MAX: Final = 32 * 1_048_576
"""Frames not projected yet, a quarter of a million sales; with more, turns are given slowly."""
UPLOAD_LAG_PAUSE_MS: Final = 500
"""Between two turns of some 3,000 sales then: what is not accepted may exist only once."""
LIVE_BATCH_RAW_BYTES_MAX: Final = 65_536
"""Frames taken together up to here, unpacked, are some twenty sales: they wait for nobody."""
BULK_BATCHES_AT_ONCE_MAX: Final = 2
"""Batches of backlogs checked at once: one in a thread while the other one is committed."""
FRAMES_QUEUED_BYTES_MAX: Final = 64 * 1_048_576
"""Frames of all sessions not yet looked at: 600 boxes that know no budget, all in flight."""
PROJECTION_FRAMES_MAX: Final = 2
"""Frames of a backlog projected in one transaction: boxes wait for acknowledgements meanwhile."""
PROJECTION_SMALL_FRAMES_MAX: Final = 64
"""Likewise of single sales, which are less work together than two frames of a backlog."""
PROJECTION_BYTES_MAX: Final = 32_768
"""What they have together at most, beyond the first."""
PROJECTION_REST_FACTOR: Final = 3
"""While frames keep coming, the projector rests this many times as long as it worked."""
POSTGRES_PARTITIONS: Final = 8
"""Partitions of the frames in a new database: as many commits, and projectors, side by side."""
POSTGRES_PARTITIONS_MAX: Final = 64
"""Each has a connection that writes; a server allows 100 unless it was told otherwise."""
POSTGRES_READERS_MAX: Final = 4
"""Connections that read beside them: heads, acknowledgements, the projector."""
POSTGRES_CONNECT_S_MAX: Final = 10.0
"""A server that does not greet by then is down; boxes ask again by themselves."""
POSTGRES_COMMAND_S_MAX: Final = 30.0
"""A commit waits for a slow disk or a synchronous standby; longer, and its outcome is unknown."""
POSTGRES_LOCK_S_MAX: Final = 5.0
"""A writer whose line was cut lets go of its partition by then, unless it is alive."""
SALES_PER_PAGE: Final = 500
"""Sales in one answer of head office: about 1 MB."""
EVENT_STREAMS_MAX: Final = 256
"""Pages that listen for sales at one head office."""
OFFICE_SOCKETS_MAX: Final = 4_096
"""A thousand boxes, each with a line that died beside its new one, pages that listen, and room."""
OFFICE_SOCKETS_PER_ADDRESS_MAX: Final = 2_048
"""A thousand shops behind one proxy, tunnel or carrier, and once more while their lines die."""
OFFICE_FILES_SPARED: Final = 128
"""Open files that are no sockets: databases, pages, logs."""
CARRIED_LOOK_S: Final = 5.0
"""How soon head office shows what a person took from a file: one small query each time."""
KEEPERS_MAX: Final = 4
"""Second copies of one shop: a line and a reader of frames each."""
OFFICE_SESSIONS_MAX: Final = 1_024
"""People signed in at head office; the longest unused goes first."""
PASSWORD_WRONG_PER_HOUR_MAX: Final = 10
"""Per person and hour; a password has twelve characters at least."""
LINK_WAIT_S: Final = 25.0
"""A long poll ends before proxies do."""
LINK_SILENCE_S_MAX: Final = 20.0
"""No word from head office by then: the link counts as down."""
LIVE_FRAME_DELAY_MS: Final = 150
"""What belongs to one sale leaves in one frame."""
LIVE_FRAME_DELAY_MS_MAX: Final = 1_000
"""Where sales follow each other without a pause, they leave together after this."""
IDLE_FRAME_DELAY_MS: Final = 30_000
"""Events that no sale hurries wait this long for company."""
LINK_PING_S: Final = 11.0
"""The line is probed so often; half as long without an answer is within the silence allowed."""
METERED_FRAME_DELAY_MS: Final = 60_000
"""On a line that costs by the byte a frame waits so long for company, sales too."""
METERED_FRAME_EVENTS: Final = 500
"""Unless so many events have come: some 16 KB, at which company saves no more bytes."""
METERED_PING_S: Final = 240.0
"""A line that costs by the byte is probed so often: just before routers forget it."""
LINE_USE_SAVED_MS: Final = 60_000
"""What was counted of a line is written down this often: a kill forgets a minute of it."""
LINE_USE_WARN_PERCENT: Final = 80
"""From here on people are told that a month's allowance runs out."""
LINK_ACK_S_MAX: Final = 60.0
"""Head office lives but acknowledges nothing of what it was sent: begin a new session."""
LINK_DENIED_RETRY_MS: Final = 60_000
"""What a person has to mend (a denial, a fork) is tried again this often at most."""
FEED_PAGES_WAITING_MAX: Final = 16
"""Pages of feeds held in memory for edge; with more the line is not read for a moment."""
EDGE_ANSWER_S_MAX: Final = 15.0
"""On the same machine: a page applied on a slow card takes a second."""
LINK_GOODBYE_S_MAX: Final = 1.0
"""Closing the line politely and saying so to edge; neither is worth more."""

# --- processes ---------------------------------------------------------------------------
CLOCK_WATCH_S: Final = 10.0
"""How often the wall clock is compared with the monotonic one."""
CLOCK_STEP_MS_MIN: Final = 2_000
"""Smaller differences are the clock being disciplined, not stepped."""
RESTARTS_PER_TASK_MAX: Final = 5
"""In a minute; then the process ends and systemd (or the demo) starts it afresh."""
RESTART_WINDOW_S: Final = 60.0
"""The minute of `RESTARTS_PER_TASK_MAX`: a failure before it is forgotten."""
LOG_FIELD_CHARS_MAX: Final = 8_192
"""One field of a log line: a long trace fits, a body that was logged by mistake does not."""
SETTINGS_BYTES_MAX: Final = 1_048_576
"""A settings file of 64 devices has about 20 kB; more is another file."""
WATCHDOG_EVERY_S: Final = 3.0
"""A third of what systemd waits before it takes a loop for stuck."""
STOP_S_MAX: Final = 8.0
"""A clean stop; after it the process is killed and the ledger is whole all the same."""
