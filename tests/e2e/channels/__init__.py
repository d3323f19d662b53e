"""Every way in which a page can reach somebody else, as data; a site that uses them all; and who counts them."""
