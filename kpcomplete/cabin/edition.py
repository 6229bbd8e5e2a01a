"""Which edition of the simulated cabin a seed was drawn by."""

#: Rises when the same seed gives other data than before. People of `crowd.Crowd` stay the same
#: bodies: who was held out of training stays held out.
#: 1: the first. 2: what hides joints by nearer solids; loads in laps have a shape.
#: 3: hands that rest as if they held a phone, a book or a cup hold it; roof cameras are wider.
EDITION = 3
