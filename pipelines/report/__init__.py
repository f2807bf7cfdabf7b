"""What is made of a published set alone: pages, workbooks, the site and the draft notice."""
