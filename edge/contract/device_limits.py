"""The limits of devices, their hosts and their drivers, with their reasons; see `limits`."""

from __future__ import annotations

from typing import Final

from edge.contract.limits import (
    NAME_CHARS_MAX,
)

DRIVERS_PER_HOST_MAX: Final = 128
"""Drivers that a host can have: a few for each class of device; each is described in its report."""
DEVICE_NAME_CHARS_MAX: Final = 60
"""What people call a device: one line of a card on a phone."""
DEVICE_ROLES_MAX: Final = 7
"""As many as there are; a printer has three: itself, a drawer, a pole display."""
FOUND_DEVICES_MAX: Final = 64
"""Found and not adopted, of one host: every port of every hub, with room in a report of 64 kB."""
FOUND_TEXT_CHARS_MAX: Final = 200
"""What a USB device says it is: its own strings have 126 characters at most, a path a few more."""
FIND_EVERY_S: Final = 3.0
"""How often a host looks at what is plugged in: somebody who plugs in looks up about then."""
FIND_SETTLE_S: Final = 0.2
"""The kernel tells of a device in several messages within a tenth of a second, and udev's names
for it are there a moment later: looked at after 0.2 s, 0.6 s and 1 s, it shows within a second."""
NETWORK_SERVICES_MAX: Final = 64
"""Kept of each kind of announced service: a shop with more printers is no shop."""
NETWORK_RECORDS_MAX: Final = 5_000
"""What a network may say within `NETWORK_WINDOW_MS`: a hundred talkative devices say half of it."""
NETWORK_WINDOW_MS: Final = 10_000
"""Over how long that is counted."""
NETWORK_PAUSE_S: Final = 60.0
"""A network that floods is listened to again after so long."""
NETWORK_CHECK_S: Final = 30.0
"""How often what was heard is gone through for what has expired, and the machine's own
addresses for new ones: they change when a cable is moved."""
NETWORK_ANEW_MS: Final = 3_600_000
"""Listening begins anew after so long, before what was heard first expires (75 minutes): whatever
a network's words may have done to the listener, it does not last."""
NETWORK_ANSWER_MS_MAX: Final = 3_000
"""How long an announced service is asked for its address: mDNS answers within half a second."""
NETWORK_FIRST_S: Final = 0.5
"""After listening began, answers are gathered for so long before they are told."""
SERVICE_TEXT_BYTES_MAX: Final = 1_300
"""The text of an announced service fits into one packet (RFC 6763, 6.2): real ones have 400."""
SERVICE_KEYS_MAX: Final = 64
"""Keys of such a text; printers have about twenty."""
HID_DESCRIPTOR_BYTES_MAX: Final = 4_096
"""What the kernel takes of a HID report descriptor."""
JOBS_PER_DEVICE_MAX: Final = 256
"""Jobs that wait for one device; edge keeps the rest in its ledger."""
JOB_RUN_S_MAX: Final = 600.0
"""The longest dialogue (a terminal that extends T4 twice); then the end counts as unknown."""
JOB_MEMORY_DAYS: Final = 30
"""How long devices.db remembers which jobs were done."""
JOB_JOURNAL_CACHE_KIB: Final = 512
"""What devices.db keeps in memory, twice: a job is looked for by its id, and mostly a young one. As
much as for a ledger would be a host that grows by 16 MiB in its first weeks."""
RECENT_RESULTS_MAX: Final = 256
"""Results kept in memory: more than can wait for the commit that carries them to disk."""
RESULTS_UNSENT_MAX: Final = 512
"""Results that wait for the broker, per device: twice what may wait to run."""
EVENTS_UNSENT_MAX: Final = 360
"""Events that wait for the broker, per device: what `EVENTS_PER_S_MAX` and `EVENTS_BURST_MAX` let
through within `SCAN_AGE_MS_MAX`; older ones have expired by then."""
EVENTS_PER_S_MAX: Final = 60
"""What a device may send on and on: a belt with people in a hurry makes ten scans a second. More
is a fault, and would take from other tills what the box has."""
EVENTS_BURST_MAX: Final = 60
"""What it may send at once: several scans that a slow line delivers together, or what a host that
stood still for a second finds in its ports. With less, who scans 50 a second lost some then."""
BABBLE_CALM_MS: Final = 5_000
"""A device that sent too much is well again after so long without."""
STATISTICS_EVERY_S: Final = 60.0
"""UnifiedPOS statistics: for people and trends, not for decisions."""
WAIT_RECHECK_S: Final = 30.0
"""Deadlines are wall-clock times and the clock may step: they are looked at this often."""
DEVICE_LOST_AFTER_MS: Final = 2_000
"""A cable that is back by then was never lost: a blip must not double a print."""
DEVICE_CONNECT_MS_MAX: Final = 5_000
"""On the shop's own network a device that has not answered by then is not there."""
DEVICE_STOP_S_MAX: Final = 2.0
"""A driver that is not gone by then is left behind: the others stop in time."""
FLIGHT_RECORDER_BYTES_MAX: Final = 65_536
"""A few receipts or payments per device; 64 devices stay under 4 MiB."""
RECORDING_BYTES_MAX: Final = 1_048_576
"""One recording: a full flight recorder of single bytes has under 200 kB as lines of JSON."""
RECORDINGS_PER_DEVICE_MAX: Final = 5
"""What one device's last losses looked like; older ones tell nothing new."""
RECORDINGS_MAX: Final = 320
"""`DEVICES_PER_HOST_MAX` with `RECORDINGS_PER_DEVICE_MAX` each, devices that are gone included."""
RECORDING_LOST_EVERY_MS: Final = 600_000
"""A device with a loose plug is lost every few seconds: it must not wear the card out."""
RECORDING_ANSWER_CHARS_MAX: Final = 196_608
"""A recording inside an answer, well within `MQTT_PAYLOAD_BYTES_MAX`; usual ones have 20 kB."""
SERIAL_IDLE_FLUSH_MS: Final = 80
"""A scanner without a suffix has ended by then; inside a code gaps are under 20 ms."""
SERIAL_TAIL_MS: Final = 1_000
"""The rest of a code that was cut off comes within this; the next scan takes a person longer."""
KEY_IDLE_FLUSH_MS: Final = 100
"""A scanner that types has ended by then: its gaps are under 20 ms, a person's over 60."""
INPUT_LOOK_MS: Final = 1_000
"""How often a scanner that is out is looked for: plugged in again, it reads a second later."""
PRINTER_EVIDENCE_MS_MAX: Final = 20_000
"""A long receipt at 100 mm/s with cut; after it the receipt is unconfirmed."""
PRINTER_BYTES_PER_S_MIN: Final = 900
"""A serial line of 9600 baud: a receipt of raster lines (35 KB) is 37 s under way on it."""
PRINTER_NO_EVIDENCE_MS_MAX: Final = 2_000
"""How long a printer that never gave evidence yet is waited for: a wrong setting costs little."""
PRINTER_ANSWER_MS_MAX: Final = 1_000
"""DLE EOT is answered within milliseconds; on a slow serial line within a tenth of a second."""
PRINTER_POLL_MS: Final = 3_000
"""A printer that does not report changes by itself is asked this often."""
PRINTER_HEARTBEAT_MS: Final = 15_000
"""One that does is asked this often whether it is still there."""
PRINTER_SILENCES_MAX: Final = 2
"""Questions without an answer, from a printer that has answered before: then it is gone."""
DRAWER_OPENS_MS_MAX: Final = 2_000
"""A drawer that the sensor has not seen open by then stayed shut, or has no sensor."""
DRAWER_LOOK_MS: Final = 250
"""How often a printer that does not report by itself is asked for the drawer's sensor."""
LINES_LOOK_MS: Final = 100
"""How often modem lines and pins are looked at: a contact has stopped bouncing by the next look."""
DRAWER_LEARN_MS: Final = 600
"""A sensor that changes this soon behind a kick saw the drawer spring open: a hand is slower."""
DRAWER_SENSOR_WAKES_MS: Final = 500
"""A drawer that lives on its port's lines says nothing true in the moment they went on."""
DRAWER_FIRST_CHARGE_MS: Final = 12_000
"""A serial drawer that lives on its port's DTR and RTS needs this from the moment they are on."""
DRAWER_RECHARGE_MS: Final = 6_000
"""The same from one opening to the next."""
DRAWER_PULSE_MS_MIN: Final = 100
"""A coil that is on for less may not move the latch."""
DRAWER_PULSE_MS_MAX: Final = 500
"""A coil that is on for longer burns: it is made for moments."""
DRAWER_REST_TIMES: Final = 4
"""A coil rests this many times as long as it was on: a fifth of the time at most."""
TERMINAL_T3_MS: Final = 5_000
"""ZVT T3: the answer 80 00 / 84 xx to a command."""
TERMINAL_T4_MS: Final = 180_000
"""ZVT T4: silence inside a dialogue that the terminal leads."""
TERMINAL_BUSY_RETRY_MS: Final = 1_000
"""How soon a terminal that is still in a dialogue is asked again about a payment in doubt."""
TERMINAL_SERVICE_EVERY_MS: Final = 3_600_000
"""A terminal that goes on asking for its diagnosis gets it once an hour: it takes a minute."""
TERMINAL_T1_MS: Final = 200
"""ZVT T1 on a serial line: silence inside a block; the block is then asked for again."""
TERMINAL_T2_MS: Final = 5_000
"""ZVT T2 on a serial line: how long a block may stay unanswered before it is sent again."""
TERMINAL_BLOCK_AGAIN_MS_MAX: Final = TERMINAL_T2_MS + 1_000
"""A block that says the same later than this is none sent again: somebody began anew."""
TERMINAL_BLOCK_REPEATS_MAX: Final = 2
"""How often a block is sent again before the line counts as broken: the standard's number."""
TERMINAL_QUIET_EXTRA_MS: Final = 1_000
"""Before the till speaks on a serial line it must have been silent for T3 and this: nothing
of an earlier dialogue, which no connection ends there, may answer a new question."""
TERMINAL_SETTLE_MS_MAX: Final = 60_000
"""A serial line that is not silent within this has something else at its other end."""
ZVT_APDU_BYTES_MAX: Final = 16_384
"""One message of a payment terminal: a long receipt block has under 4 kB."""
ZVT_MESSAGES_QUEUED_MAX: Final = 64
"""A terminal waits for each answer, so more than two are a fault or an attack."""
NEXO_BODY_BYTES_MAX: Final = 262_144
"""One HTTP body of a nexo terminal: with two receipts, encrypted and as base64, about 20 kB."""
NEXO_HEAD_BYTES_MAX: Final = 16_384
"""Status line and headers of such an answer; real ones have under 1 kB."""
NEXO_PAYMENT_MS_MAX: Final = 120_000
"""The maker's limit: a payment that the terminal has not answered by then is asked about."""
NEXO_ANSWER_MS_MAX: Final = 30_000
"""Any other question to a nexo terminal, with a handshake on a slow wireless network."""
NEXO_SETTLED_MS: Final = 15_000
"""For so long a terminal must go on saying that it never got a payment: until then the request
may still lie unread in its network buffer."""
NEXO_MEMORY_MS: Final = 48 * 3_600_000
"""Terminals remember a ServiceID for 48 hours: what is older they may have forgotten."""
NEXO_FRESH_MS: Final = 60_000
"""A nexo terminal that answered in the last minute is not asked for its state because an idle
connection ended: some close theirs behind each answer."""
TERMINAL_RECEIPT_LINES_MAX: Final = 400
"""Lines of one card receipt; with signature and EMV data real ones have under 100."""
SCALE_POLL_MS: Final = 250
"""How often a scale is asked while nobody waits for a weight: digits that follow the hand."""
SCALE_POLL_EAGER_MS: Final = 100
"""How often while a weighing waits: two readings that agree take a fifth of a second."""
SCALE_SHOW_MS: Final = 250
"""A live weight is reported four times a second at most: each report goes to a till's screens."""
SCALE_ANSWER_MS_MAX: Final = 500
"""A reading has 15 bytes, 16 ms at 9600 baud; a scale that is at work answers within a tenth."""
SCALE_QUIET_MS: Final = 60
"""After an answer that was no answer the line must be silent for so long before the next."""
SCALE_NOISE_BYTES_MAX: Final = 8_192
"""More than this without a pause comes from no scale."""
SCALE_SILENCES_MAX: Final = 6
"""Questions in a row without a good answer: then the scale is gone, or it is another device."""
SCALE_STILL_MS_MAX: Final = 2_500
"""How long goods may sway before the cashier is asked to wait until they are still."""
SCALE_8217_RETRY_MS: Final = 200
"""How often an 8217 is asked while a weighing waits: its manual wants that much after motion."""
SCALE_STREAM_GAP_MS_MAX: Final = 1_000
"""A scale in continuous mode sends several lines a second; after a longer gap the last is old."""
SCALE_STREAM_STILL_MS: Final = 800
"""A scale that does not say whether goods lie still: the same weight for so long says it."""
SCALE_STREAM_BYTES_S_MAX: Final = 8_192
"""Four times what a serial line of 19200 baud carries: more comes from no scale."""
SCALE_PRICE_MINOR_MAX: Final = 999_999
"""A price per kilogram that a scale can show has six digits."""
SCALE_TARE_G_MAX: Final = 9_999
"""Four digits: what a till can tell a scale with Dialog 06 to take off (records 03 and 05)."""
DISPLAY_LINES_MAX: Final = 2
"""Line displays have two."""
DISPLAY_TEXT_CHARS_MAX: Final = NAME_CHARS_MAX
"""Of a name a display shows what fits; the rest need not be cut by who sends it."""
DISPLAY_WRITE_MS_MAX: Final = 2_000
"""All 2 x 20 signs take 50 ms at 9600 baud; a line that has not taken them by then is stuck."""
DISPLAY_REFRESH_MS: Final = 15_000
"""Lines are written anew this often: a display that lost its power says nothing of it."""
LABELS_PER_JOB_MAX: Final = 100
"""A shelf has fewer; with the longest names they are half of `MQTT_PAYLOAD_BYTES_MAX`."""
LABEL_COPIES_MAX: Final = 100
"""Of one label; more is a slip of the finger."""
LABEL_NAME_CHARS_MAX: Final = NAME_CHARS_MAX
"""An article's name; the label shows two lines of it."""
LABEL_PRICE_CHARS_MAX: Final = 40
"""A price with its currency, a unit price with its unit."""
LABEL_BARCODE_CHARS_MAX: Final = 48
"""More signs of Code 128 fit on no shelf label."""
LABEL_ANSWER_MS_MAX: Final = 1_500
"""`~HS` is answered within a tenth of a second, behind a label in work within one."""
LABEL_POLL_MS: Final = 3_000
"""How often a label printer is asked how it is: none reports by itself."""
LABEL_POLL_EAGER_MS: Final = 300
"""How often while labels come out: it stops within a label of the one that jammed."""
LABEL_SILENCES_MAX: Final = 2
"""Questions without a whole answer before a printer counts as not ready."""
LABEL_WRITE_MS_MAX: Final = 60_000
"""A printer that takes nothing for so long stands still; a label takes a second or two."""
LABEL_STANDSTILL_MS_MAX: Final = 30_000
"""Nothing came out for so long, and the printer names no reason: labels are unconfirmed."""
LABEL_EVIDENCE_MS_MAX: Final = 540_000
"""A job of the most copies is still under way: it ends before `JOB_RUN_S_MAX`, unconfirmed."""
DOOR_CONNECTIONS_MAX: Final = 64
"""Per simulated device and for the line to head office: a shop has one of each."""
PTY_LOOK_MS: Final = 50
"""How often a simulated serial port is looked at for a driver while nobody holds it."""
SCRIPT_BYTES_MAX: Final = 1_048_576
"""A script for a simulated device: ten thousand steps; more is another file."""
SCRIPT_STEPS_MAX: Final = 10_000
"""Steps of one script; what comes again and again is one step with `times`."""
SCRIPT_WATCHED_BYTES_MAX: Final = 256
"""The longest run of bytes that a step of a script may wait for."""
FAULT_GARBAGE_BYTES_MAX: Final = 65_536
"""Noise said at once: more than any driver's buffer."""
COUNTER_WATCHERS_MAX: Final = 16
"""Pages that watch the counter at once."""
COUNTER_LOOK_MS: Final = 100
"""How often the counter is compared with what its pages show: quicker than an eye."""
COUNTER_SCAN_S_MAX: Final = 2.0
"""A driver that has not taken a code off the line by then reads no more."""
COUNTER_GOODS_BYTES_MAX: Final = 4 * 1_048_576
"""300 articles have 30 kB; more than this is another file."""
COUNTER_SLIPS_SHOWN_MAX: Final = 20
"""Slips that the page can leaf through; the API has all that the printer keeps."""
COUNTER_BOOKED_SHOWN_MAX: Final = 20
"""Bookings that the page shows; the API has all."""
LOG_ENTRIES_PER_DEVICE_MAX: Final = 60
"""What a technician scrolls through on a telephone; a payment has about six entries."""
LOGGED_DEVICES_MAX: Final = 256
"""Devices whose newest entries are kept, those that were given up among them."""
LOG_WORDS_CHARS_MAX: Final = 200
"""Of what a device says of itself: a card has room for two lines."""
VITALS_EVERY_MS: Final = 5_000
"""How often the machine is read for an open wall: a temperature does not move faster."""
WALL_REFRESH_S: Final = 6.0
"""An open wall is sent again though no device changed: room, temperature and times go on. Longer
than `VITALS_EVERY_MS`, so that each time something was read anew."""
DISK_WATCH_BYTES: Final = 2 * 1_073_741_824
"""A disk with less is looked at: at a busy shop's 100 MB a day it lasts some weeks."""
CELSIUS_HOT: Final = 80
"""From here on a Raspberry Pi slows itself down."""
CELSIUS_WATCH: Final = 70
"""A box in a closed cupboard in summer: there is time to give it air."""
CLOCK_MS_MIN: Final = 1_767_225_600_000
"""2026-01-01: a clock that shows less was never set; this program is younger."""
CLOCK_STEP_TOLD_MS: Final = 86_400_000
"""A jump of the clock is shown for a day."""
RECORDING_ANSWER_MS_MAX: Final = 10_000
"""A recording is on its host's disk and here within a second; a worn card takes longer."""
RECORDINGS_ASKED_MAX: Final = 80
"""Recordings under way in one store: those of a support bundle, and a few by hand."""
LOG_TAIL_BYTES_MAX: Final = 524_288
"""The newest lines of the box's own log, in memory for a support bundle: days of a well box."""
BUNDLE_BYTES_MAX: Final = 8 * 1_048_576
"""A support bundle before it is packed: it goes by e-mail. What is over is left out and named."""
BUNDLES_MADE_MAX: Final = 2
"""At once; each asks every device for its recording."""

# --- Home Assistant ----------------------------------------------------------------------
SHOWN_WORDS_CHARS_MAX: Final = 255
"""Home Assistant drops a state that is longer."""
SHOWN_EVERY_S: Final = 0.5
"""What changes more often is shown as it is then: nobody looks at a dashboard faster."""
SHOWN_SEEN_EVERY_S: Final = 300.0
"""How exact "last seen" is while a device is there: each message is a row in its history."""
SHOWN_AFRESH_EVERY_S: Final = 10.0
"""Home Assistant's births are answered no more often: it may start again and again."""
