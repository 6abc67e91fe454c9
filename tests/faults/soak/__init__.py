"""Many sessions on one service for a long time, with everything going wrong all the time."""
